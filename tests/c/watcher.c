/*
 * Watchers as hosts use them. Argument: endpoint.
 */

#include "wait.h"

#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>

enum { FINE = 7 };

static etcd_v2_client *client;

/* What a callback gets back. */
struct notes {
	int events, states, closed, freed;
	uint64_t last;
	bool free_inside, cancel_inside;
	etcd_v2_watcher *watcher;
};

#define READ(what) __atomic_load_n(&(what), __ATOMIC_SEQ_CST)
#define ADD(what) __atomic_add_fetch(&(what), 1, __ATOMIC_SEQ_CST)

static void on_event(const etcd_v2_event *event, void *user)
{
	struct notes *notes = user;
	CHECK_INT(notes->freed, 0);
	CHECK_INT(etcd_v2_event_kind(event), ETCD_V2_EVENT_CHANGE);
	CHECK(etcd_v2_event_index(event) > notes->last);
	notes->last = etcd_v2_event_index(event);
	CHECK_INT(etcd_v2_node_modified_index(etcd_v2_event_node(event)), notes->last);
	CHECK_TEXT(etcd_v2_response_action(etcd_v2_event_response(event)), "set");
	if (notes->cancel_inside)
		etcd_v2_watcher_cancel(notes->watcher);
	if (notes->free_inside)
		etcd_v2_watcher_free(notes->watcher);
	ADD(notes->events);
}

static void on_state(int32_t state, const char *why, int32_t attempt, void *user)
{
	struct notes *notes = user;
	CHECK(why != NULL && attempt >= 0);
	if (state == ETCD_V2_WATCHER_CLOSED) {
		CHECK(why[0] != '\0');
		ADD(notes->closed);
	}
	ADD(notes->states);
}

static void let_go(void *user) { ADD(((struct notes *)user)->freed); }

static etcd_v2_watcher *watch(const char *key, const etcd_v2_watch_options *options)
{
	etcd_v2_watcher *watcher;
	CHECK_OK(etcd_v2_watch(client, key, options, &watcher, &error));
	return watcher;
}

static void wait_until_live(const etcd_v2_watcher *watcher)
{
	WAIT_UNTIL(etcd_v2_watcher_state(watcher) == ETCD_V2_WATCHER_LIVE);
}

static etcd_v2_watch_options *options_for(struct notes *notes)
{
	etcd_v2_watch_options *options;
	CHECK_OK(etcd_v2_watch_options_new(&options, &error));
	CHECK_OK(etcd_v2_watch_options_set_callback(options, on_event, notes, let_go, &error));
	return options;
}

static void set(const char *key, const char *value) { CHECK_OK(etcd_v2_set(client, key, value, 0, NULL, &error)); }

static bool readable(int fd)
{
	struct pollfd ask = { .fd = fd, .events = POLLIN };
	return poll(&ask, 1, 0) == 1;
}

static void by_descriptor(void)
{
	enum { CHANGES = 50 };
	etcd_v2_watcher *watcher = watch("/c/fd", NULL);
	int fd, again;
	CHECK_OK(etcd_v2_watcher_fd(watcher, &fd, &error));
	CHECK_OK(etcd_v2_watcher_fd(watcher, &again, &error));
	CHECK_INT(fd, again);
	wait_until_live(watcher);
	CHECK(!readable(fd));
	etcd_v2_event *event = (void *)&fd;
	CHECK_STATUS(etcd_v2_watcher_next(watcher, 0, &event, &error), ETCD_V2_TIMEOUT);
	CHECK(event == NULL);
	for (int i = 0; i < CHANGES; i++) {
		char value[16];
		snprintf(value, sizeof value, "%d", i);
		set("/c/fd", value);
	}
	for (int i = 0; i < CHANGES; i++) {
		struct pollfd ask = { .fd = fd, .events = POLLIN };
		CHECK_INT(poll(&ask, 1, 60000), 1);
		CHECK_INT(ask.revents, POLLIN);
		CHECK_OK(etcd_v2_watcher_next(watcher, 0, &event, &error));
		char value[16];
		snprintf(value, sizeof value, "%d", i);
		CHECK_TEXT(etcd_v2_node_value(etcd_v2_event_node(event), NULL), value);
		const etcd_v2_node *before = etcd_v2_event_prev_node(event);
		CHECK(i == 0 || etcd_v2_node_modified_index(before) < etcd_v2_event_index(event));
		etcd_v2_event_free(event);
	}
	CHECK(!readable(fd));
	etcd_v2_counters *counters;
	CHECK_OK(etcd_v2_watcher_counters(watcher, &counters, &error));
	CHECK_INT(etcd_v2_counters_at(counters, ETCD_V2_COUNTER_EVENTS_DELIVERED), CHANGES);
	CHECK_INT(etcd_v2_counters_at(counters, ETCD_V2_COUNTER_EVENTS_DROPPED), 0);
	CHECK(etcd_v2_counters_at(counters, ETCD_V2_COUNTER_WATCH_POLLS) > 0);
	etcd_v2_counters_free(counters);
	CHECK(etcd_v2_watcher_next_index(watcher) > CHANGES);
	etcd_v2_watcher_cancel(watcher);
	CHECK(readable(fd));
	CHECK_STATUS(etcd_v2_watcher_next(watcher, 0, &event, &error), ETCD_V2_CANCELLED);
	CHECK_INT(etcd_v2_watcher_state(watcher), ETCD_V2_WATCHER_CLOSED);
	etcd_v2_watcher_free(watcher);
}

/* Many watchers of one answer: all see the same tree, and each may be the last that has it. */
static void one_answer_for_many(void)
{
	enum { MANY = 20 };
	etcd_v2_watcher *watchers[MANY];
	etcd_v2_event *events[MANY];
	for (int i = 0; i < MANY; i++) {
		watchers[i] = watch("/c/many", NULL);
		wait_until_live(watchers[i]);
	}
	set("/c/many", "one");
	for (int i = 0; i < MANY; i++)
		CHECK_OK(etcd_v2_watcher_next(watchers[i], 60000, &events[i], &error));
	for (int i = 0; i < MANY; i++) {
		CHECK(etcd_v2_event_node(events[i]) == etcd_v2_event_node(events[0]));
		CHECK(etcd_v2_response_node(etcd_v2_event_response(events[i])) == etcd_v2_event_node(events[0]));
		etcd_v2_watcher_free(watchers[i]);
	}
	for (int i = 0; i < MANY; i++) {
		CHECK_TEXT(etcd_v2_node_value(etcd_v2_event_node(events[i]), NULL), "one");
		CHECK_TEXT(etcd_v2_response_endpoint(etcd_v2_event_response(events[i])),
			   etcd_v2_response_endpoint(etcd_v2_event_response(events[MANY - 1])));
		etcd_v2_event_free(events[i]);
	}
}

static void a_snapshot_and_what_follows(void)
{
	set("/c/tree/a", "1");
	set("/c/tree/d/b", "2");
	etcd_v2_watch_options *options;
	CHECK_OK(etcd_v2_watch_options_new(&options, &error));
	CHECK_OK(etcd_v2_watch_options_set_recursive(options, true, &error));
	CHECK_OK(etcd_v2_watch_options_set_snapshot_first(options, true, &error));
	etcd_v2_watcher *watcher = watch("/c/tree", options);
	etcd_v2_watch_options_free(options);
	static const char *const KEYS[] = { "/c/tree", "/c/tree/a", "/c/tree/d", "/c/tree/d/b" };
	etcd_v2_event *events[4];
	unsigned seen = 0;
	for (int i = 0; i < 4; i++) {
		CHECK_OK(etcd_v2_watcher_next(watcher, 60000, &events[i], &error));
		CHECK_INT(etcd_v2_event_kind(events[i]), ETCD_V2_EVENT_SNAPSHOT);
		for (int k = 0; k < 4; k++)
			if (strcmp(etcd_v2_node_key(etcd_v2_event_node(events[i]), NULL), KEYS[k]) == 0)
				seen |= 1u << k;
	}
	CHECK_INT(seen, 15);
	CHECK_INT(etcd_v2_node_child_count(etcd_v2_event_node(events[0])), 2);
	etcd_v2_event *change;
	CHECK_OK(etcd_v2_delete(client, "/c/tree/a", 0, NULL, &error));
	CHECK_OK(etcd_v2_watcher_next(watcher, 60000, &change, &error));
	CHECK_INT(etcd_v2_event_kind(change), ETCD_V2_EVENT_CHANGE);
	CHECK(etcd_v2_node_value(etcd_v2_event_node(change), NULL) == NULL);
	CHECK_TEXT(etcd_v2_node_value(etcd_v2_event_prev_node(change), NULL), "1");
	etcd_v2_event_free(change);
	etcd_v2_watcher_free(watcher);
	for (int i = 0; i < 4; i++)
		etcd_v2_event_free(events[i]);
}

static void by_callback(void)
{
	struct notes notes = { 0 }, others = { 0 };
	etcd_v2_watch_options *options = options_for(&notes);
	CHECK_OK(etcd_v2_watch_options_set_state_callback(options, on_state, &others, let_go, &error));
	etcd_v2_watcher *one = watch("/c/callback", options);
	wait_until_live(one);
	for (int i = 0; i < 30; i++)
		set("/c/callback", "v");
	WAIT_UNTIL(READ(notes.events) == 30);
	CHECK(READ(others.states) > 0);
	/* there is nothing to take, but the end */
	etcd_v2_event *event;
	CHECK_STATUS(etcd_v2_watcher_next(one, 1, &event, &error), ETCD_V2_TIMEOUT);
	CHECK_INT(etcd_v2_watcher_next_index(one), notes.last + 1);
	/* options may make more watchers, and what callbacks hold is let go with the last of all */
	notes.last = 0;
	etcd_v2_watcher *two = watch("/c/other", options);
	etcd_v2_watch_options_free(options);
	etcd_v2_watcher_free(one);
	CHECK(READ(notes.freed) == 0 && READ(others.freed) == 0);
	etcd_v2_watcher_cancel(two);
	CHECK(READ(notes.freed) == 1 && READ(others.freed) == 1);
	etcd_v2_watcher_free(two);
	CHECK(READ(notes.freed) == 1 && READ(others.freed) == 1);
}

/* Its own callback ends it: that call is the last, and what it held is let go right after. */
static void ended_inside(bool by_free)
{
	for (int round = 0; round < 20; round++) {
		struct notes notes = { .cancel_inside = !by_free, .free_inside = by_free };
		etcd_v2_watch_options *options = options_for(&notes);
		etcd_v2_watcher *watcher = notes.watcher = watch("/c/inside", options);
		etcd_v2_watch_options_free(options);
		wait_until_live(watcher);
		for (int i = 0; i < 5; i++)
			set("/c/inside", "v");
		WAIT_UNTIL(READ(notes.freed) == 1);
		CHECK_INT(READ(notes.events), 1);
		if (!by_free)
			etcd_v2_watcher_free(watcher);
		CHECK_INT(READ(notes.freed), 1);
	}
}

static bool over;

static void *write_on(void *argument)
{
	for (int i = 0; !READ(over); i++)
		CHECK_INT(etcd_v2_set(client, "/c/busy", "v", 0, NULL, NULL), ETCD_V2_OK);
	return argument;
}

/* While events come: when it returns nothing is called any more, and `notes` may go. */
static void ended_from_another_thread(void)
{
	pthread_t writer;
	__atomic_store_n(&over, false, __ATOMIC_SEQ_CST);
	CHECK(pthread_create(&writer, NULL, write_on, NULL) == 0);
	for (int round = 0; round < 100; round++) {
		struct notes *notes = calloc(1, sizeof *notes);
		CHECK(notes != NULL);
		etcd_v2_watch_options *options = options_for(notes);
		etcd_v2_watcher *watcher = watch("/c/busy", options);
		etcd_v2_watch_options_free(options);
		if (round % 2)
			WAIT_UNTIL(READ(notes->events) > round % 3);
		if (round % 4 < 2) {
			etcd_v2_watcher_cancel(watcher);
			CHECK_INT(notes->freed, 1);
		}
		etcd_v2_watcher_free(watcher);
		CHECK_INT(notes->freed, 1);
		free(notes);
	}
	__atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
	CHECK(pthread_join(writer, NULL) == 0);
}

struct waiting {
	const etcd_v2_watcher *watcher;
	long thread;
	etcd_v2_status status;
};

static void *wait_for_an_event(void *argument)
{
	struct waiting *waiting = argument;
	__atomic_store_n(&waiting->thread, own_thread(), __ATOMIC_SEQ_CST);
	etcd_v2_event *event;
	waiting->status = etcd_v2_watcher_next(waiting->watcher, -1, &event, NULL);
	CHECK(event == NULL);
	return argument;
}

static void whoever_waits_is_woken(bool by_client, const char *url)
{
	etcd_v2_client *other = patient_client(url);
	etcd_v2_watcher *watcher;
	CHECK_OK(etcd_v2_watch(other, "/c/quiet", NULL, &watcher, &error));
	struct waiting waiting = { .watcher = watcher };
	pthread_t thread;
	CHECK(pthread_create(&thread, NULL, wait_for_an_event, &waiting) == 0);
	WAIT_UNTIL(READ(waiting.thread) != 0 && thread_sleeps(READ(waiting.thread)));
	if (by_client)
		etcd_v2_client_free(other);
	else
		etcd_v2_watcher_cancel(watcher);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK_INT(waiting.status, by_client ? ETCD_V2_CLOSED : ETCD_V2_CANCELLED);
	etcd_v2_watcher_free(watcher);
	if (!by_client)
		etcd_v2_client_free(other);
}

/* The end of a client is told, and lets go of everything before it returns. */
static void the_client_ends(const char *url)
{
	enum { WATCHERS = 50 };
	struct notes notes = { 0 };
	etcd_v2_client *ours = client;
	etcd_v2_watcher *watchers[WATCHERS];
	CHECK_OK(etcd_v2_client_open(url, &client, &error));
	etcd_v2_watch_options *options = options_for(&notes);
	CHECK_OK(etcd_v2_watch_options_set_state_callback(options, on_state, &notes, NULL, &error));
	for (int i = 0; i < WATCHERS; i++)
		watchers[i] = watch(i % 2 ? "/c/ends" : "/c/ends/too", options);
	etcd_v2_watch_options_free(options);
	wait_until_live(watchers[0]);
	etcd_v2_client_free(client);
	CHECK_INT(notes.closed, WATCHERS);
	CHECK_INT(notes.freed, 1);
	for (int i = 0; i < WATCHERS; i++) {
		etcd_v2_event *event;
		CHECK_STATUS(etcd_v2_watcher_next(watchers[i], -1, &event, &error), ETCD_V2_CLOSED);
		etcd_v2_watcher_free(watchers[i]);
	}
	CHECK_INT(notes.freed, 1);
	client = ours;
}

/* A hundred times with as many watchers. */
static void forked(void)
{
	enum { WATCHERS = 99, FORKS = 100 };
	struct notes notes = { 0 };
	etcd_v2_watch_options *options = options_for(&notes);
	etcd_v2_watcher *watchers[WATCHERS], *told = watch("/c/fork", options);
	for (int i = 0; i < WATCHERS; i++) {
		watchers[i] = watch(i % 10 ? "/c/fork" : "/c/forks", NULL);
		wait_until_live(watchers[i]);
	}
	wait_until_live(told);
	for (int round = 0; round < FORKS; round++) {
		pid_t child = fork();
		CHECK(child >= 0);
		if (child != 0) {
			check_child(child);
			continue;
		}
		alarm(100);
		etcd_v2_event *event;
		int fd;
		for (int i = 0; i < WATCHERS; i++) {
			CHECK_STATUS(etcd_v2_watcher_next(watchers[i], -1, &event, &error), ETCD_V2_FORKED);
			CHECK_STATUS(etcd_v2_watcher_fd(watchers[i], &fd, &error), ETCD_V2_FORKED);
			CHECK_INT(etcd_v2_watcher_state(watchers[i]), ETCD_V2_WATCHER_CLOSED);
			etcd_v2_watcher_cancel(watchers[i]);
			if (i % 2 == round % 2)
				etcd_v2_watcher_free(watchers[i]);
		}
		etcd_v2_watcher *none;
		CHECK_STATUS(etcd_v2_watch(client, "/c/fork", NULL, &none, &error), ETCD_V2_FORKED);
		etcd_v2_client_free(client);
		for (int i = 0; i < WATCHERS; i++)
			if (i % 2 != round % 2)
				etcd_v2_watcher_free(watchers[i]);
		etcd_v2_watcher_free(told);
		etcd_v2_watch_options_free(options);
		end_of_a_child();
	}
	/* and the parent has noticed nothing */
	set("/c/fork", "after");
	set("/c/forks", "after");
	etcd_v2_event *event;
	for (int i = 0; i < WATCHERS; i++) {
		CHECK_OK(etcd_v2_watcher_next(watchers[i], 60000, &event, &error));
		CHECK_TEXT(etcd_v2_node_value(etcd_v2_event_node(event), NULL), "after");
		etcd_v2_event_free(event);
		etcd_v2_watcher_free(watchers[i]);
	}
	WAIT_UNTIL(READ(notes.events) == 1);
	etcd_v2_watcher_free(told);
	CHECK_INT(notes.freed, 0);
	etcd_v2_watch_options_free(options);
	CHECK_INT(notes.freed, 1);
}

static void ignored(const etcd_v2_event *event, void *user)
{
	(void)event;
	(void)user;
}

/* main ends while everything is alive */
static void exits(const char *url)
{
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			alarm(100);
			static etcd_v2_client *own;
			static etcd_v2_watch_options *options;
			/* not lost, only not freed */
			static etcd_v2_watcher *watchers[100];
			CHECK_OK(etcd_v2_client_open(url, &own, &error));
			CHECK_OK(etcd_v2_watch_options_new(&options, &error));
			CHECK_OK(etcd_v2_watch_options_set_callback(options, ignored, NULL, NULL, &error));
			for (int w = 0; w < 100; w++) {
				char key[32];
				snprintf(key, sizeof key, "/c/exit/%d", w % 10);
				CHECK_OK(etcd_v2_watch(own, key, w % 2 ? options : NULL, &watchers[w], &error));
			}
			for (int w = 0; i % 2 && w < 100; w++)
				wait_until_live(watchers[w]);
			exit(FINE);
		}
		int status;
		CHECK(waitpid(child, &status, 0) == child);
		CHECK(WIFEXITED(status));
		CHECK_INT(WEXITSTATUS(status), FINE);
	}
}

int main(int count, char **arguments)
{
	CHECK(count == 2 || count == 3);
	if (count == 3) {
		exits(arguments[1]);
		return check_done();
	}
	long descriptors = open_descriptors(), threads = own_threads();
	client = patient_client(arguments[1]);
	by_descriptor();
	one_answer_for_many();
	a_snapshot_and_what_follows();
	by_callback();
	ended_inside(false);
	ended_inside(true);
	ended_from_another_thread();
	whoever_waits_is_woken(false, arguments[1]);
	whoever_waits_is_woken(true, arguments[1]);
	the_client_ends(arguments[1]);
	forked();
	etcd_v2_client_free(client);
	WAIT_UNTIL(own_threads() == threads);
	CHECK_INT(open_descriptors(), descriptors);
	return check_done();
}
