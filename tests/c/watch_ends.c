/*
 * Watchers and calls that are ended again and again, at every moment of their lives: whoever ends one is called no more,
 * and nothing of it is left. Arguments: endpoint, one that never connects, rounds.
 */

#include "wait.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>

static etcd_v2_client *client, *nowhere;
static int rounds;

/* Lives as long as callbacks may be called with it, and no longer: whoever uses it later is found. */
struct host {
	etcd_v2_watcher *watcher;
	int ready, events, states, freed, inside;
	bool ends_inside, cancels;
};

#define READ(what) __atomic_load_n(&(what), __ATOMIC_SEQ_CST)
#define WRITE(what, value) __atomic_store_n(&(what), value, __ATOMIC_SEQ_CST)
#define ADD(what) __atomic_add_fetch(&(what), 1, __ATOMIC_SEQ_CST)

static void end(struct host *host)
{
	if (host->cancels)
		etcd_v2_watcher_cancel(host->watcher);
	else
		etcd_v2_watcher_free(host->watcher);
}

static void on_event(const etcd_v2_event *event, void *user)
{
	struct host *host = user;
	CHECK_INT(READ(host->freed), 0);
	CHECK(etcd_v2_event_node(event) != NULL);
	/* it may be told before its maker knows the watcher */
	if (host->ends_inside && !READ(host->ready))
		return;
	WRITE(host->inside, 1);
	if (host->ends_inside)
		end(host);
	else
		breathe(); /* so that others come while it is here */
	WRITE(host->inside, 0);
	ADD(host->events);
}

static void on_state(int32_t state, const char *why, int32_t attempt, void *user)
{
	CHECK(state > 0 && why != NULL && attempt >= 0);
	ADD(((struct host *)user)->states);
}

static void let_go(void *user) { ADD(((struct host *)user)->freed); }

static struct host *watch(const etcd_v2_client *on, const char *key, bool ends_inside, bool cancels)
{
	struct host *host = calloc(1, sizeof *host);
	CHECK(host != NULL);
	host->ends_inside = ends_inside;
	host->cancels = cancels;
	etcd_v2_watch_options *options;
	CHECK_OK(etcd_v2_watch_options_new(&options, &error));
	CHECK_OK(etcd_v2_watch_options_set_callback(options, on_event, host, let_go, &error));
	CHECK_OK(etcd_v2_watch_options_set_state_callback(options, on_state, host, NULL, &error));
	CHECK_OK(etcd_v2_watch(on, key, options, &host->watcher, &error));
	etcd_v2_watch_options_free(options);
	WRITE(host->ready, 1);
	return host;
}

/* From here on nothing is called, and the memory is somebody else's. */
static void is_over(struct host *host)
{
	CHECK_INT(READ(host->inside), 0);
	CHECK_INT(READ(host->freed), 1);
	if (host->cancels)
		etcd_v2_watcher_free(host->watcher);
	memset(host, 0x55, sizeof *host);
	free(host);
}

static void wait_until_live(const struct host *host)
{
	WAIT_UNTIL(etcd_v2_watcher_state(host->watcher) == ETCD_V2_WATCHER_LIVE);
}

static void while_it_connects(int round)
{
	struct host *host = watch(nowhere, "/ends/nowhere", false, round % 2);
	if (round % 3 == 0)
		WAIT_UNTIL(etcd_v2_watcher_state(host->watcher) != 0);
	end(host);
	is_over(host);
}

static void while_it_begins(int round)
{
	struct host *host = watch(client, "/ends/begins", false, round % 2);
	for (int i = 0; i < round % 40; i++)
		sched_yield();
	end(host);
	is_over(host);
}

static void *end_it(void *argument)
{
	end(argument);
	return NULL;
}

static void from_another_thread(int round)
{
	struct host *host = watch(client, "/ends/thread", false, round % 2);
	if (round % 4 < 2)
		wait_until_live(host);
	pthread_t thread;
	CHECK(pthread_create(&thread, NULL, end_it, host) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	is_over(host);
}

static void while_an_event_is_told(int round)
{
	struct host *host = watch(client, "/ends/busy", false, round % 2);
	WAIT_UNTIL(READ(host->inside) || READ(host->events) > 0);
	end(host);
	is_over(host);
}

static void from_inside(int round)
{
	struct host *host = watch(client, "/ends/busy", true, round % 2);
	WAIT_UNTIL(READ(host->freed) == 1 && READ(host->events) == 1);
	is_over(host);
}

static void *wait_for_one(void *argument)
{
	const etcd_v2_watcher *watcher = argument;
	etcd_v2_event *event;
	etcd_v2_status status;
	while ((status = etcd_v2_watcher_next(watcher, -1, &event, NULL)) == ETCD_V2_OK)
		etcd_v2_event_free(event);
	CHECK_INT(status, ETCD_V2_CANCELLED);
	return NULL;
}

static void while_somebody_waits(int round)
{
	etcd_v2_watcher *watcher;
	int fd;
	CHECK_OK(etcd_v2_watch(client, round % 2 ? "/ends/busy" : "/ends/quiet", NULL, &watcher, &error));
	if (round % 3 == 0)
		CHECK_OK(etcd_v2_watcher_fd(watcher, &fd, &error));
	pthread_t thread;
	CHECK(pthread_create(&thread, NULL, wait_for_one, watcher) == 0);
	etcd_v2_watcher_cancel(watcher);
	CHECK(pthread_join(thread, NULL) == 0);
	etcd_v2_watcher_free(watcher);
}

static int completed;

static void on_end(const etcd_v2_completion *completion, void *user)
{
	etcd_v2_status status = etcd_v2_completion_status(completion);
	CHECK(user == &completed);
	CHECK(status == ETCD_V2_OK || status == ETCD_V2_CANCELLED || status == ETCD_V2_KEY_NOT_FOUND);
	ADD(completed);
}

static void *fire(void *token)
{
	etcd_v2_cancel_token_cancel(token);
	return NULL;
}

/* A call whose token is fired while it waits in line, connects or is answered, and another one on a queue that goes. */
static void calls(int round)
{
	etcd_v2_request *request;
	etcd_v2_cancel_token *token;
	etcd_v2_queue *queue;
	pthread_t thread;
	int before = READ(completed);
	CHECK_OK(etcd_v2_cancel_token_new(&token, &error));
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/ends/busy", &request, &error));
	CHECK_OK(etcd_v2_request_set_cancel(request, token, &error));
	const etcd_v2_client *on = round % 3 ? client : nowhere;
	CHECK_OK(etcd_v2_submit_callback(on, request, on_end, &completed, NULL, &error));
	CHECK_OK(etcd_v2_submit(on, request, queue, NULL, &error));
	CHECK(pthread_create(&thread, NULL, fire, token) == 0);
	if (round % 2) {
		etcd_v2_completion *completion;
		CHECK_OK(etcd_v2_queue_next(queue, -1, &completion, &error));
		etcd_v2_completion_free(completion);
	}
	etcd_v2_queue_free(queue);
	WAIT_UNTIL(READ(completed) == before + 1);
	CHECK(pthread_join(thread, NULL) == 0);
	etcd_v2_request_free(request);
	etcd_v2_cancel_token_free(token);
}

/* The thread of the client has done all that it was asked to do until now, and has what it keeps. */
static void catch_up(const etcd_v2_client *on)
{
	etcd_v2_request *request;
	etcd_v2_cancel_token *token;
	int before = READ(completed);
	CHECK_OK(etcd_v2_cancel_token_new(&token, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/ends/quiet", &request, &error));
	CHECK_OK(etcd_v2_request_set_cancel(request, token, &error));
	CHECK_OK(etcd_v2_submit_callback(on, request, on_end, &completed, NULL, &error));
	etcd_v2_cancel_token_cancel(token);
	WAIT_UNTIL(READ(completed) == before + 1);
	etcd_v2_request_free(request);
	etcd_v2_cancel_token_free(token);
}

static bool over;

static void *write_on(void *argument)
{
	while (!READ(over))
		CHECK_INT(etcd_v2_set(client, "/ends/busy", "v", 0, NULL, NULL), ETCD_V2_OK);
	return argument;
}

/* Of all arenas; 0 where a checker has its own. */
static size_t allocated(void)
{
	struct mallinfo2 now = mallinfo2();
	return now.uordblks + now.hblkhd;
}

/* One connection is made, or is known to fail: what every client keeps from its first one on is there before it is counted. */
static void make_first_connection(const etcd_v2_client *on, int32_t state)
{
	struct host *host = watch(on, "/ends/first", false, false);
	WAIT_UNTIL(etcd_v2_watcher_state(host->watcher) == state);
	end(host);
	is_over(host);
}

static void again_and_again(const char *name, void (*what)(int))
{
	long descriptors = 0;
	size_t memory = 0;
	for (int round = 0; round < rounds; round++) {
		if (round == rounds / 10) {
			/* then whatever is kept for the next is there */
			catch_up(client);
			catch_up(nowhere);
			descriptors = open_descriptors();
			memory = allocated();
		}
		what(round);
	}
	/* connections of others may end, or be on their way; 1000 that stay are more */
	WAIT_UNTIL(open_descriptors() <= descriptors + 8);
	WAIT_UNTIL(allocated() <= memory + 64 * 1024);
	printf("%s: %d times, %+ld bytes\n", name, rounds, (long)(allocated() - memory));
}

int main(int count, char **arguments)
{
	CHECK(count == 4);
	rounds = atoi(arguments[3]);
	long descriptors = open_descriptors(), threads = own_threads();
	pthread_t writer;
	client = patient_client(arguments[1]);
	nowhere = patient_client(arguments[2]);
	make_first_connection(client, ETCD_V2_WATCHER_LIVE);
	make_first_connection(nowhere, ETCD_V2_WATCHER_RECONNECTING);
	again_and_again("connects", while_it_connects);
	again_and_again("begins", while_it_begins);
	again_and_again("from another thread", from_another_thread);
	CHECK(pthread_create(&writer, NULL, write_on, NULL) == 0);
	again_and_again("is told", while_an_event_is_told);
	again_and_again("from inside", from_inside);
	again_and_again("is waited for", while_somebody_waits);
	again_and_again("calls", calls);
	WRITE(over, true);
	CHECK(pthread_join(writer, NULL) == 0);
	etcd_v2_client_free(client);
	etcd_v2_client_free(nowhere);
	WAIT_UNTIL(own_threads() == threads);
	CHECK_INT(open_descriptors(), descriptors);
	return check_done();
}
