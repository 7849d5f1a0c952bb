/* Watchers, events and asynchronous calls: with one parameter wrong, and when nothing is. */

#ifndef MISUSE_WATCHING_H
#define MISUSE_WATCHING_H

#include "refusal.h"

static int let_go;

static void free_user(void *user) { __atomic_add_fetch((int *)user, 1, __ATOMIC_SEQ_CST); }

static void no_event(const etcd_v2_event *event, void *user)
{
	(void)event;
	(void)user;
}

static void no_state(int32_t state, const char *why, int32_t attempt, void *user)
{
	CHECK(state >= ETCD_V2_WATCHER_CONNECTING && state <= ETCD_V2_WATCHER_CLOSED);
	CHECK(why != NULL && attempt >= 0 && user != NULL);
}

static void no_completion(const etcd_v2_completion *completion, void *user)
{
	(void)completion;
	(void)user;
	CHECK(!"called");
}

#define WATCH(name) etcd_v2_watch_options_set_##name
#define NO_OPTIONS(call) REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", call)
#define NO_POLICY(call) REFUSED(ETCD_V2_INVALID_ARGUMENT, "policy", call)

static void wrong_watch_options(void)
{
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_watch_options_new(NULL, e));
	etcd_v2_watch_options *w;
	CHECK_OK(etcd_v2_watch_options_new(&w, &error));
	NO_OPTIONS(WATCH(recursive)(NULL, true, e));
	NO_OPTIONS(WATCH(start_index)(NULL, 1, e));
	NO_OPTIONS(WATCH(snapshot_first)(NULL, true, e));
	NO_OPTIONS(WATCH(on_lost)(NULL, ETCD_V2_ON_LOST_GAP, e));
	NO_OPTIONS(WATCH(queue_limit)(NULL, 1, e));
	NO_OPTIONS(WATCH(on_full)(NULL, ETCD_V2_ON_FULL_GAP, e));
	NO_OPTIONS(WATCH(poll_timeout_ms)(NULL, 1000, e));
	NO_OPTIONS(WATCH(progress)(NULL, true, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "start_index", WATCH(start_index)(w, UINT64_MAX, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "start_index", WATCH(start_index)(w, (uint64_t)1 << 63, e));
	const int32_t no_policy[] = { 0, -1, 4, INT32_MAX, INT32_MIN };
	for (size_t i = 0; i < COUNT(no_policy); i++) {
		NO_POLICY(WATCH(on_lost)(w, no_policy[i], e));
		NO_POLICY(WATCH(on_full)(w, no_policy[i], e));
	}
	const uint64_t no_limit[] = { 0, ((uint64_t)1 << 24) + 1, UINT64_MAX };
	for (size_t i = 0; i < COUNT(no_limit); i++)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "queue_limit", WATCH(queue_limit)(w, no_limit[i], e));
	const int64_t no_ms[] = { 0, 99, -1, INT64_MIN, 2147483648, INT64_MAX };
	for (size_t i = 0; i < COUNT(no_ms); i++)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "poll_timeout_ms", WATCH(poll_timeout_ms)(w, no_ms[i], e));

	/* every call that is refused has let go of what it was given; each is made twice */
	let_go = 0;
	NO_OPTIONS(WATCH(callback)(NULL, no_event, &let_go, free_user, e));
	CHECK_INT(let_go, 2);
	NO_OPTIONS(WATCH(state_callback)(NULL, no_state, &let_go, free_user, e));
	CHECK_INT(let_go, 4);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "callback", WATCH(callback)(w, NULL, &let_go, free_user, e));
	CHECK_INT(let_go, 6);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "callback", WATCH(state_callback)(w, NULL, &let_go, free_user, e));
	CHECK_INT(let_go, 8);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "callback", WATCH(callback)(w, NULL, NULL, NULL, e));

	/* a beginning of two kinds, in both orders, and when the watcher is made */
	CHECK_OK(WATCH(start_index)(w, 7, &error));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "snapshot_first", WATCH(snapshot_first)(w, true, e));
	CHECK_OK(WATCH(on_lost)(w, ETCD_V2_ON_LOST_RESYNC, &error));
	REFUSED_OUT(etcd_v2_watcher, ETCD_V2_INVALID_ARGUMENT, "start_index", etcd_v2_watch(client, "/k", w, o, e));
	CHECK_OK(WATCH(start_index)(w, 0, &error));
	CHECK_OK(WATCH(snapshot_first)(w, true, &error));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "start_index", WATCH(start_index)(w, 7, e));

	/* what a callback holds survives watchers that could not be made, and is let go with the options */
	let_go = 0;
	CHECK_OK(WATCH(callback)(w, no_event, &let_go, free_user, &error));
	CHECK_OK(WATCH(state_callback)(w, no_state, &let_go, free_user, &error));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_watch(client, "/k", w, NULL, e));
	REFUSED_OUT(etcd_v2_watcher, ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_watch(NULL, "/k", w, o, e));
	REFUSED_OUT(etcd_v2_watcher, ETCD_V2_INVALID_ARGUMENT, "key", etcd_v2_watch(client, NULL, w, o, e));
	for (size_t i = 0; i < COUNT(NO_KEY); i++)
		REFUSED_OUT(etcd_v2_watcher, ETCD_V2_INVALID_ARGUMENT, "key",
			    etcd_v2_watch(client, NO_KEY[i], w, o, e));
	for (size_t i = 0; i < COUNT(NOT_UTF8); i++)
		REFUSED_OUT(etcd_v2_watcher, ETCD_V2_NOT_UTF8, "key", etcd_v2_watch(client, NOT_UTF8[i], w, o, e));
	CHECK_INT(let_go, 0);
	CHECK_OK(WATCH(callback)(w, no_event, &let_go, free_user, &error));
	CHECK_INT(let_go, 1);
	etcd_v2_watch_options_free(w);
	CHECK_INT(let_go, 3);
}

static void wrong_watcher(void)
{
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_watcher_next(NULL, 0, NULL, e));
	REFUSED_OUT(etcd_v2_event, ETCD_V2_INVALID_ARGUMENT, "watcher", etcd_v2_watcher_next(NULL, 0, o, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_watcher_fd(NULL, NULL, e));
	int fd = 7;
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "watcher", etcd_v2_watcher_fd(NULL, (fd = 7, &fd), e));
	CHECK_INT(fd, -1);

	/* nobody listens on port 1 */
	etcd_v2_client *nobody;
	etcd_v2_watcher *watcher;
	CHECK_OK(etcd_v2_client_open("http://127.0.0.1:1", &nobody, &error));
	CHECK_OK(etcd_v2_watch(nobody, "/k", NULL, &watcher, &error));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_watcher_next(watcher, 0, NULL, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_watcher_fd(watcher, NULL, e));
	const int64_t no_timeout[] = { -3, INT64_MIN, 2147483648, INT64_MAX };
	for (size_t i = 0; i < COUNT(no_timeout); i++)
		REFUSED_OUT(etcd_v2_event, ETCD_V2_INVALID_ARGUMENT, "timeout_ms",
			    etcd_v2_watcher_next(watcher, no_timeout[i], o, e));
	REFUSED_OUT(etcd_v2_event, ETCD_V2_TIMEOUT, "watcher", etcd_v2_watcher_next(watcher, 0, o, e));
	etcd_v2_watcher_cancel(watcher);
	REFUSED_OUT(etcd_v2_event, ETCD_V2_CANCELLED, "watcher", etcd_v2_watcher_next(watcher, -1, o, e));
	etcd_v2_client_free(nobody);
	REFUSED_OUT(etcd_v2_event, ETCD_V2_CANCELLED, "watcher", etcd_v2_watcher_next(watcher, 0, o, e));
	etcd_v2_watcher_free(watcher);
}

static void wrong_submit(void)
{
	etcd_v2_request *r;
	etcd_v2_queue *q;
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/k", &r, &error));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_queue_new(NULL, e));
	CHECK_OK(etcd_v2_queue_new(&q, &error));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_submit(NULL, r, q, NULL, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_submit(client, NULL, q, NULL, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "queue", etcd_v2_submit(client, r, NULL, NULL, e));
	let_go = 0;
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "client",
		etcd_v2_submit_callback(NULL, r, no_completion, &let_go, free_user, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request",
		etcd_v2_submit_callback(client, NULL, no_completion, &let_go, free_user, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "callback", etcd_v2_submit_callback(client, r, NULL, &let_go, free_user, e));
	CHECK_INT(let_go, 6);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "callback", etcd_v2_submit_callback(client, r, NULL, NULL, NULL, e));
	/* what is missing in a request is told here, too */
	etcd_v2_request *incomplete;
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_REFRESH, "/k", &incomplete, &error));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "ttl", etcd_v2_submit(client, incomplete, q, NULL, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "ttl",
		etcd_v2_submit_callback(client, incomplete, no_completion, &let_go, free_user, e));
	CHECK_INT(let_go, 8);
	etcd_v2_request_free(incomplete);

	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_queue_next(q, 0, NULL, e));
	REFUSED_OUT(etcd_v2_completion, ETCD_V2_INVALID_ARGUMENT, "queue", etcd_v2_queue_next(NULL, 0, o, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_queue_fd(q, NULL, e));
	int fd = 7;
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "queue", etcd_v2_queue_fd(NULL, (fd = 7, &fd), e));
	CHECK_INT(fd, -1);
	const int64_t no_timeout[] = { -2, INT64_MIN, 2147483648, INT64_MAX };
	for (size_t i = 0; i < COUNT(no_timeout); i++)
		REFUSED_OUT(etcd_v2_completion, ETCD_V2_INVALID_ARGUMENT, "timeout_ms",
			    etcd_v2_queue_next(q, no_timeout[i], o, e));
	REFUSED_OUT(etcd_v2_completion, ETCD_V2_TIMEOUT, "queue", etcd_v2_queue_next(q, 0, o, e));
	REFUSED_OUT(etcd_v2_completion, ETCD_V2_TIMEOUT, "queue", etcd_v2_queue_next(q, 1, o, e));
	etcd_v2_queue_free(q);
	etcd_v2_request_free(r);

	etcd_v2_options *options;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	NO_OPTIONS(etcd_v2_options_set_max_connections(NULL, 1, e));
	NO_OPTIONS(etcd_v2_options_set_max_in_flight(NULL, 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "max_connections", etcd_v2_options_set_max_connections(options, 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "max_connections", etcd_v2_options_set_max_connections(options, 10001, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "max_in_flight", etcd_v2_options_set_max_in_flight(options, 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "max_in_flight", etcd_v2_options_set_max_in_flight(options, UINT64_MAX, e));
	etcd_v2_options_free(options);
}

static void nothing_to_watch(void)
{
	etcd_v2_watcher_cancel(NULL);
	CHECK_INT(etcd_v2_watcher_state(NULL), 0);
	CHECK_INT(etcd_v2_watcher_next_index(NULL), 0);
	REFUSED_OUT(etcd_v2_counters, ETCD_V2_INVALID_ARGUMENT, "watcher", etcd_v2_watcher_counters(NULL, o, e));
	CHECK_INT(etcd_v2_event_kind(NULL), 0);
	CHECK(etcd_v2_event_response(NULL) == NULL);
	CHECK(etcd_v2_event_node(NULL) == NULL && etcd_v2_event_prev_node(NULL) == NULL);
	CHECK_INT(etcd_v2_event_index(NULL), 0);
	CHECK_INT(etcd_v2_event_first_index(NULL), 0);
	CHECK_INT(etcd_v2_event_loss(NULL), 0);
	CHECK_INT(etcd_v2_completion_status(NULL), 0);
	CHECK(etcd_v2_completion_response(NULL) == NULL && etcd_v2_completion_error(NULL) == NULL);
	CHECK(etcd_v2_completion_user(NULL) == NULL);
	for (int again = 0; again < 2; again++) {
		etcd_v2_watch_options_free(NULL);
		etcd_v2_watcher_free(NULL);
		etcd_v2_event_free(NULL);
		etcd_v2_queue_free(NULL);
		etcd_v2_completion_free(NULL);
	}
}

static void right_watcher(const char *watched)
{
	etcd_v2_watch_options *w;
	CHECK_INT(etcd_v2_watch_options_new(&w, NULL), ETCD_V2_OK);
	CHECK_INT(WATCH(recursive)(w, true, NULL), ETCD_V2_OK);
	CHECK_INT(WATCH(start_index)(w, 0, NULL), ETCD_V2_OK);
	CHECK_INT(WATCH(snapshot_first)(w, true, NULL), ETCD_V2_OK);
	CHECK_INT(WATCH(on_lost)(w, ETCD_V2_ON_LOST_RESYNC, NULL), ETCD_V2_OK);
	CHECK_INT(WATCH(queue_limit)(w, 1 << 24, NULL), ETCD_V2_OK);
	CHECK_INT(WATCH(on_full)(w, ETCD_V2_ON_FULL_GAP, NULL), ETCD_V2_OK);
	CHECK_INT(WATCH(poll_timeout_ms)(w, 2147483647, NULL), ETCD_V2_OK);
	CHECK_INT(WATCH(progress)(w, true, NULL), ETCD_V2_OK);
	let_go = 0;
	CHECK_INT(WATCH(state_callback)(w, no_state, &let_go, free_user, NULL), ETCD_V2_OK);
	CHECK_OK(etcd_v2_set(client, watched, "v", 0, NULL, &error));
	etcd_v2_watcher *watcher;
	CHECK_INT(etcd_v2_watch(client, watched, w, &watcher, NULL), ETCD_V2_OK);
	etcd_v2_watch_options_free(w);
	etcd_v2_event *event;
	CHECK_INT(etcd_v2_watcher_next(watcher, 60000, &event, NULL), ETCD_V2_OK);
	CHECK_INT(etcd_v2_event_kind(event), ETCD_V2_EVENT_SNAPSHOT);
	CHECK_TEXT(etcd_v2_node_key(etcd_v2_event_node(event), NULL), watched);
	CHECK_TEXT(etcd_v2_node_value(etcd_v2_event_node(event), NULL), "v");
	CHECK(etcd_v2_event_node(event) == etcd_v2_response_node(etcd_v2_event_response(event)));
	CHECK(etcd_v2_event_prev_node(event) == NULL && etcd_v2_event_loss(event) == 0);
	CHECK(etcd_v2_event_index(event) > 0 && etcd_v2_event_first_index(event) == etcd_v2_event_index(event));
	CHECK_INT(etcd_v2_watcher_next(watcher, 20000, NULL, NULL), ETCD_V2_INVALID_ARGUMENT);
	int fd;
	CHECK_INT(etcd_v2_watcher_fd(watcher, &fd, NULL), ETCD_V2_OK);
	CHECK(fd >= 0 && let_go == 0);
	etcd_v2_counters *counters;
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_watcher_counters(watcher, NULL, e));
	CHECK_INT(etcd_v2_watcher_counters(watcher, &counters, NULL), ETCD_V2_OK);
	CHECK_INT(etcd_v2_counters_at(counters, ETCD_V2_COUNTER_EVENTS_DELIVERED), 1);
	CHECK_INT(etcd_v2_counters_at(counters, ETCD_V2_COUNTER_REQUESTS), 0);
	CHECK_INT(etcd_v2_counters_endpoint_count(counters), 0);
	CHECK_TEXT(etcd_v2_counters_endpoint(counters), "");
	etcd_v2_counters_free(counters);
	CHECK(etcd_v2_watcher_next_index(watcher) > 0 && etcd_v2_watcher_state(watcher) > 0);
	etcd_v2_watcher_free(watcher);
	/* the timeout of the handle that made it */
	etcd_v2_client *hasty;
	etcd_v2_event *none;
	CHECK_INT(etcd_v2_client_with(client, 50, NULL, &hasty, NULL), ETCD_V2_OK);
	CHECK_INT(etcd_v2_watch(hasty, watched, NULL, &watcher, NULL), ETCD_V2_OK);
	etcd_v2_client_free(hasty);
	CHECK_INT(etcd_v2_watcher_next(watcher, ETCD_V2_TIMEOUT_DEFAULT, &none, NULL), ETCD_V2_TIMEOUT);
	etcd_v2_watcher_free(watcher);
	CHECK_INT(let_go, 1);
	/* an event needs no watcher */
	CHECK_TEXT(etcd_v2_response_action(etcd_v2_event_response(event)), "get");
	etcd_v2_event_free(event);
}

static void right_submit(const char *written)
{
	etcd_v2_request *r;
	etcd_v2_queue *q;
	etcd_v2_completion *c;
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, written, &r, &error));
	CHECK_OK(etcd_v2_request_set_value(r, "v", 1, &error));
	CHECK_INT(etcd_v2_queue_new(&q, NULL), ETCD_V2_OK);
	CHECK_INT(etcd_v2_submit(client, r, q, &let_go, NULL), ETCD_V2_OK);
	etcd_v2_request_free(r);
	CHECK_INT(etcd_v2_queue_next(q, 60000, &c, NULL), ETCD_V2_OK);
	int fd;
	CHECK_INT(etcd_v2_queue_fd(q, &fd, NULL), ETCD_V2_OK);
	etcd_v2_queue_free(q);
	CHECK_INT(etcd_v2_completion_status(c), ETCD_V2_OK);
	CHECK(etcd_v2_completion_user(c) == &let_go && etcd_v2_completion_error(c) == NULL);
	CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(etcd_v2_completion_response(c)), NULL), "v");
	etcd_v2_completion_free(c);
}

#endif
