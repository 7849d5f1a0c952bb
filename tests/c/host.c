/*
 * A host as a checker sees it: calls that wait, a watcher with callbacks, submitted calls, several threads. Argument: endpoint.
 */

#include "wait.h"

#include <pthread.h>

enum { THREADS = 4, CALLS = 50 };

static etcd_v2_client *client;
static int seen;
/* shared with callbacks, under a lock of this program: a checker must go on seeing it */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char last[64];
#ifdef RACE
static int unprotected;
#endif

static void on_event(const etcd_v2_event *event, void *user)
{
	CHECK(user == &seen);
	pthread_mutex_lock(&lock);
	snprintf(last, sizeof last, "%s", etcd_v2_node_value(etcd_v2_event_node(event), NULL));
	seen++;
	pthread_mutex_unlock(&lock);
}

static void on_completion(const etcd_v2_completion *completion, void *user)
{
	CHECK_INT(etcd_v2_completion_status(completion), ETCD_V2_OK);
	pthread_mutex_lock(&lock);
	++*(int *)user;
	pthread_mutex_unlock(&lock);
}

static int how_many(const int *what)
{
	pthread_mutex_lock(&lock);
	int now = *what;
	pthread_mutex_unlock(&lock);
	return now;
}

static void *calls(void *number)
{
	etcd_v2_error *error = NULL;
	char key[32], value[32];
	for (int i = 0; i < CALLS; i++) {
		etcd_v2_response *response;
		snprintf(key, sizeof key, "/host/%d", *(int *)number);
		snprintf(value, sizeof value, "%d", i);
		CHECK_OK(etcd_v2_set(client, key, value, 0, NULL, &error));
		CHECK_OK(etcd_v2_get(client, key, 0, &response, &error));
		CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(response), NULL), value);
		etcd_v2_response_free(response);
#ifdef RACE
		unprotected++;
#endif
	}
	etcd_v2_error_free(error);
	return NULL;
}

int main(int count, char **arguments)
{
	CHECK(count == 2);
	etcd_v2_watch_options *options;
	etcd_v2_watcher *watcher, *pulled;
	etcd_v2_request *request;
	etcd_v2_queue *queue;
	etcd_v2_event *event;
	etcd_v2_completion *completion;
	pthread_t threads[THREADS];
	int numbers[THREADS], ended = 0;
	client = patient_client(arguments[1]);
	CHECK_OK(etcd_v2_watch_options_new(&options, &error));
	CHECK_OK(etcd_v2_watch_options_set_recursive(options, true, &error));
	CHECK_OK(etcd_v2_watch_options_set_callback(options, on_event, &seen, NULL, &error));
	CHECK_OK(etcd_v2_watch(client, "/host", options, &watcher, &error));
	etcd_v2_watch_options_free(options);
	CHECK_OK(etcd_v2_watch(client, "/host/0", NULL, &pulled, &error));
	WAIT_UNTIL(etcd_v2_watcher_state(watcher) == ETCD_V2_WATCHER_LIVE);
	WAIT_UNTIL(etcd_v2_watcher_state(pulled) == ETCD_V2_WATCHER_LIVE);
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		CHECK_INT(pthread_create(&threads[i], NULL, calls, &numbers[i]), 0);
	}
	for (int i = 0; i < CALLS; i++) {
		CHECK_OK(etcd_v2_watcher_next(pulled, 60000, &event, &error));
		etcd_v2_event_free(event);
	}
	for (int i = 0; i < THREADS; i++)
		CHECK_INT(pthread_join(threads[i], NULL), 0);
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/host/0", &request, &error));
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	for (int i = 0; i < CALLS; i++) {
		CHECK_OK(etcd_v2_submit(client, request, queue, NULL, &error));
		CHECK_OK(etcd_v2_submit_callback(client, request, on_completion, &ended, NULL, &error));
		CHECK_OK(etcd_v2_queue_next(queue, -1, &completion, &error));
		etcd_v2_completion_free(completion);
	}
	WAIT_UNTIL(how_many(&seen) == THREADS * CALLS && how_many(&ended) == CALLS);
	etcd_v2_queue_free(queue);
	etcd_v2_request_free(request);
	etcd_v2_watcher_free(pulled);
	etcd_v2_watcher_free(watcher);
	etcd_v2_client_free(client);
	return check_done();
}
