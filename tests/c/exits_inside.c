/*
 * Callbacks that end their thread with pthread_exit(). Arguments: endpoint, which callback, and "client" for the
 * thread of the client, "host" for one of this program, or "nested" for a callback in a call in a callback.
 */

#include "wait.h"

#include <pthread.h>

#define READ(what) __atomic_load_n(&(what), __ATOMIC_SEQ_CST)
#define SET(what, to) __atomic_store_n(&(what), (to), __ATOMIC_SEQ_CST)
#define ADD(what) __atomic_add_fetch(&(what), 1, __ATOMIC_SEQ_CST)

static const char *kind;
static etcd_v2_client *client;
static pthread_t main_thread;
static int armed, begun, ended, told, frees, refused_frees;
/* whether a thread of this program is to end, and which one it is */
static bool host_ends;
static __thread bool is_caller;
static long caller;

static void end_of_thread(void *unused)
{
	(void)unused;
	ADD(ended);
}

static void leave(const char *which)
{
	if (strcmp(kind, which) != 0 || !READ(armed) || is_caller != host_ends ||
	    pthread_equal(pthread_self(), main_thread))
		return;
	SET(armed, false);
	/* a call made before may be told of, too: not before the one that is to end has been accepted */
	WAIT_UNTIL(READ(begun));
	/* what a host does when its threads end */
	pthread_cleanup_push(end_of_thread, NULL);
	pthread_exit(NULL);
	pthread_cleanup_pop(0);
}

static void let_go(void *user)
{
	CHECK(user == NULL);
	leave("free_user");
}

/* Counted on its own: what the client lets go of its watchers comes when it comes. */
static void let_refused_go(void *user)
{
	CHECK(user == NULL);
	ADD(refused_frees);
}

static void on_completion(const etcd_v2_completion *completion, void *user)
{
	CHECK(completion != NULL && user == NULL);
	leave("completion");
}

static void on_event(const etcd_v2_event *event, void *user)
{
	CHECK(event != NULL && user == NULL);
	leave("event");
}

static void on_state(int32_t state, const char *why, int32_t attempt, void *user)
{
	CHECK(state != 0 && why != NULL && attempt >= 0 && user == NULL);
	leave("state");
}

static void on_log(int32_t level, const char *line, void *user)
{
	CHECK(level > 0 && line != NULL && user == NULL);
	leave("log");
}

static void on_curl(const char *command, void *user)
{
	CHECK(command != NULL && user == NULL);
	leave("curl");
}

static void on_config(const char *json, void *user)
{
	CHECK(json != NULL && user == NULL);
	leave("config");
}

static void on_trace(const etcd_v2_trace *trace, void *user)
{
	CHECK(trace != NULL && user == NULL);
	leave("trace");
}

static int64_t on_retry(const etcd_v2_retry *retry, void *user)
{
	CHECK(retry != NULL && user == NULL);
	leave("retry");
	return ETCD_V2_RETRY_STOP;
}

/* Of the calls that wait when the thread ends: each is told, once, and its `user` let go. */
static void on_end(const etcd_v2_completion *completion, void *user)
{
	CHECK_INT(etcd_v2_completion_status(completion), ETCD_V2_CANCELLED);
	CHECK(user == &told);
	ADD(told);
}

static void let_end_go(void *user)
{
	CHECK(user == &told);
	ADD(frees);
}

static void never(const etcd_v2_completion *completion, void *user)
{
	CHECK(completion == NULL && user == NULL);
}

static void change(const etcd_v2_completion *completion, void *user)
{
	CHECK(completion != NULL && user == NULL);
	etcd_v2_client_set_credentials(client, "me", "secret", NULL);
}

static void *call(void *unused)
{
	is_caller = true;
	caller = own_thread();
	if (strcmp(kind, "config") == 0)
		etcd_v2_client_set_credentials(client, "me", "secret", NULL);
	else
		etcd_v2_get(client, "/exits", 0, NULL, NULL);
	return unused;
}

int main(int count, char **arguments)
{
	CHECK(count == 4);
	kind = arguments[2];
	bool on_client = strcmp(arguments[3], "host") != 0, nested = strcmp(arguments[3], "nested") == 0;
	main_thread = pthread_self();
	host_ends = !on_client;
	etcd_v2_options *options;
	etcd_v2_client *other;
	etcd_v2_request *request, *pending;
	etcd_v2_queue *queue;
	etcd_v2_watcher *idle, *watcher = NULL;
	etcd_v2_watch_options *watch;
	other = patient_client(arguments[1]);
	CHECK_OK(etcd_v2_set(other, "/exits", "v", 0, NULL, &error));
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, arguments[1], &error));
	CHECK_OK(etcd_v2_options_set_log_callback(options, ETCD_V2_LOG_DEBUG, on_log, NULL, NULL, &error));
	CHECK_OK(etcd_v2_options_set_curl_callback(options, on_curl, NULL, NULL, &error));
	CHECK_OK(etcd_v2_options_set_trace_callback(options, on_trace, NULL, NULL, &error));
	CHECK_OK(etcd_v2_options_set_retry_callback(options, on_retry, NULL, NULL, &error));
	CHECK_OK(etcd_v2_options_set_autosave_callback(options, 0, on_config, NULL, NULL, &error));
	CHECK_OK(etcd_v2_options_set_timeout_ms(options, 60000, &error));
	CHECK_OK(etcd_v2_client_new(options, &client, &error));
	etcd_v2_options_free(options);
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/exits", &request, &error));
	CHECK_OK(etcd_v2_request_new_raw("GET", "/v2/keys/exits?wait=true", NULL, 0, NULL, &pending, &error));
	CHECK_OK(etcd_v2_request_set_timeout_ms(pending, 600000, &error));
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	CHECK_OK(etcd_v2_watch_options_new(&watch, &error));
	CHECK_OK(etcd_v2_watch_options_set_callback(watch, on_event, NULL, NULL, &error));
	CHECK_OK(etcd_v2_watch_options_set_state_callback(watch, on_state, NULL, let_go, &error));
	CHECK_OK(etcd_v2_watch(client, "/idle", NULL, &idle, &error));
	CHECK_OK(etcd_v2_submit(client, pending, queue, &told, &error));
	for (int i = 0; i < 3; i++)
		CHECK_OK(etcd_v2_submit_callback(client, pending, on_end, &told, let_end_go, &error));
	WAIT_UNTIL(etcd_v2_watcher_state(idle) == ETCD_V2_WATCHER_LIVE);

	SET(armed, true);
	if (strcmp(kind, "retry") == 0)
		CHECK_OK(etcd_v2_client_set_endpoints(client, "http://127.0.0.1:1", &error));
	pthread_t thread;
	if (!on_client) {
		CHECK_INT(pthread_create(&thread, NULL, call, NULL), 0);
	} else if (strcmp(kind, "event") == 0 || strcmp(kind, "state") == 0) {
		CHECK_OK(etcd_v2_watch(client, "/told", watch, &watcher, &error));
		while (strcmp(kind, "event") == 0 && READ(armed)) {
			CHECK_OK(etcd_v2_set(other, "/told", "v", 0, NULL, &error));
			breathe();
		}
	} else {
		CHECK_OK(etcd_v2_submit_callback(client, request, nested ? change : on_completion, NULL, let_go, &error));
	}
	SET(begun, true);
	WAIT_UNTIL(READ(ended) == 1);
	/* it stays inside for good, at rest, when all has been let go */
	if (!on_client)
		WAIT_UNTIL(thread_sleeps(caller));
	etcd_v2_watch_options_free(watch);
	etcd_v2_event *event;
	etcd_v2_completion *completion;
	if (nested)
		WAIT_UNTIL(etcd_v2_submit(client, request, queue, NULL, NULL) == ETCD_V2_CLOSED);
	if (on_client && !nested) {
		/* everything that waited has ended, and nothing is begun any more */
		CHECK_OK(etcd_v2_queue_next(queue, -1, &completion, &error));
		CHECK_INT(etcd_v2_completion_status(completion), ETCD_V2_CANCELLED);
		etcd_v2_completion_free(completion);
		CHECK_STATUS(etcd_v2_watcher_next(idle, -1, &event, &error), ETCD_V2_CLOSED);
		WAIT_UNTIL(READ(told) == 3 && READ(frees) == 3);
		CHECK_STATUS(etcd_v2_submit(client, request, queue, NULL, &error), ETCD_V2_CLOSED);
		CHECK_STATUS(etcd_v2_queue_next(queue, 0, &completion, &error), ETCD_V2_TIMEOUT);
		CHECK_STATUS(etcd_v2_submit_callback(client, request, never, NULL, let_refused_go, &error), ETCD_V2_CLOSED);
		CHECK_INT(READ(refused_frees), 1);
		etcd_v2_watcher *none;
		CHECK_STATUS(etcd_v2_watch(client, "/none", NULL, &none, &error), ETCD_V2_CLOSED);
		etcd_v2_watcher_free(watcher);
	}
	/* calls that wait on their own thread go on, and the freeing does not wait for a thread that is gone */
	if (strcmp(kind, "retry") == 0)
		CHECK_OK(etcd_v2_client_set_endpoints(client, arguments[1], &error));
	CHECK_OK(etcd_v2_client_set_credentials(client, NULL, NULL, &error));
	CHECK_OK(etcd_v2_get(client, "/exits", 0, NULL, &error));
	etcd_v2_client_free(client);
	if (!nested) {
		CHECK_INT(READ(told), 3);
		CHECK_INT(READ(frees), 3);
	}
	etcd_v2_watcher_free(idle);
	etcd_v2_queue_free(queue);
	etcd_v2_request_free(request);
	etcd_v2_request_free(pending);
	etcd_v2_client_free(other);
	return check_done();
}
