/* Waiting for one change: protocol 3.2 to 3.5, 3.8. Wants a server of its own, whose watchers are counted. */

#include "keys.h"

#include <pthread.h>

/* A change that another thread makes as soon as the server holds the watch. */
struct writer {
	pthread_t thread;
	etcd_v2_status (*write)(etcd_v2_error **err);
};

static int watchers(void)
{
	etcd_v2_request *request;
	etcd_v2_response *stats;
	etcd_v2_error *error = NULL;
	int count = -1;
	CHECK_OK(etcd_v2_request_new_raw("GET", "/v2/stats/store", NULL, 0, NULL, &request, &error));
	CHECK_OK(etcd_v2_execute(client, request, &stats, &error));
	const char *found = strstr(etcd_v2_response_body(stats, NULL), "\"watchers\":");
	CHECK(found != NULL && sscanf(found, "\"watchers\":%d", &count) == 1);
	etcd_v2_response_free(stats);
	etcd_v2_request_free(request);
	return count;
}

static void wait_for_watchers(int count)
{
	for (int64_t end = monotonic_ns() + 120000000000; watchers() != count; sleep_ms(2))
		CHECK(monotonic_ns() < end);
}

static void *write_when_live(void *argument)
{
	struct writer *writer = argument;
	etcd_v2_error *error = NULL;
	wait_for_watchers(1);
	CHECK_OK(writer->write(&error));
	return NULL;
}

/* What a watch from now on tells of that change. */
static void live(const char *key, uint32_t flags, etcd_v2_status (*write)(etcd_v2_error **))
{
	struct writer writer = {.write = write};
	/* the end of a watch is noticed late by the server */
	wait_for_watchers(0);
	uint64_t before = store_index();
	CHECK_INT(pthread_create(&writer.thread, NULL, write_when_live, &writer), 0);
	CHECK_OK(etcd_v2_watch_once(client, key, 0, flags, 60000, OUT, ERR));
	CHECK_INT(pthread_join(writer.thread, NULL), 0);
	CHECK_INT(etcd_v2_response_http_status(answer), 200);
	CHECK_TEXT(etcd_v2_response_endpoint(answer), url);
	CHECK(strlen(etcd_v2_response_cluster_id(answer)) >= 10);
	/* when the wait began, not when it ended */
	CHECK_INT(etcd_v2_response_etcd_index(answer), before);
	CHECK(etcd_v2_node_modified_index(NODE) > before);
}

static void is_event(const char *action, const char *key, const char *value, const char *prev_value)
{
	CHECK_TEXT(etcd_v2_response_action(answer), action);
	CHECK_FILE(NODE, key, value);
	CHECK_INT(PREV != NULL, prev_value != NULL);
	if (PREV != NULL)
		CHECK_FILE(PREV, key, prev_value);
}

/* The first change from `index` on, which is there already or comes at once. */
static uint64_t past(const char *key, uint64_t index, uint32_t flags)
{
	CHECK_OK(etcd_v2_watch_once(client, key, index, flags, 60000, OUT, ERR));
	CHECK(etcd_v2_node_modified_index(NODE) >= index);
	return etcd_v2_node_modified_index(NODE);
}

static etcd_v2_status set_now(etcd_v2_error **err) { return etcd_v2_set(client, "/watch/now", "v", 0, NULL, err); }
static etcd_v2_status set_below(etcd_v2_error **err)
{
	/* the children of a directory that is watched alone, and refreshes, wake nobody; hidden keys no recursive watch */
	etcd_v2_status status = etcd_v2_set(client, "/watch/now/_hidden/x", "v", 0, NULL, err);
	if (status == ETCD_V2_OK)
		status = etcd_v2_set(client, "/watch/now/below/it", "v", 0, NULL, err);
	return status;
}
static etcd_v2_status refresh_then_set(etcd_v2_error **err)
{
	for (int i = 1; i <= 3; i++)
		if (etcd_v2_refresh(client, "/watch/refreshed", i * 100, NULL, NULL) != ETCD_V2_OK)
			return -1;
	return etcd_v2_set(client, "/watch/refreshed", "new", 0, NULL, err);
}
static etcd_v2_status child_then_delete(etcd_v2_error **err)
{
	etcd_v2_status status = etcd_v2_create_in_order(client, "/watch/dir", "v", 0, NULL, err);
	if (status == ETCD_V2_OK)
		status = etcd_v2_delete(client, "/watch/dir", ETCD_V2_RECURSIVE, NULL, err);
	return status;
}
static etcd_v2_status delete_top(etcd_v2_error **err) { return etcd_v2_delete(client, "/watch/top", ETCD_V2_RECURSIVE, NULL, err); }
static etcd_v2_status set_hidden(etcd_v2_error **err) { return etcd_v2_set(client, "/watch/_own/_too", "v", 0, NULL, err); }
static etcd_v2_status expire(etcd_v2_error **err) { return etcd_v2_set_dir(client, "/watch/end", 10, NULL, err); }

static void from_now(void)
{
	live("/watch/now", 0, set_now);
	is_event("set", "/watch/now", "v", NULL);
	/* also the same value again */
	live("/watch/now", ETCD_V2_RECURSIVE, set_now);
	is_event("set", "/watch/now", "v", "v");
	live("/", ETCD_V2_RECURSIVE, set_now);
	is_event("set", "/watch/now", "v", "v");
	CHECK_OK(etcd_v2_delete(client, "/watch/now", 0, NULL, ERR));
	live("/watch/now", ETCD_V2_RECURSIVE, set_below);
	is_event("set", "/watch/now/below/it", "v", NULL);
	CHECK_OK(etcd_v2_set(client, "/watch/refreshed", "old", 50, NULL, ERR));
	live("/watch/refreshed", 0, refresh_then_set);
	is_event("set", "/watch/refreshed", "new", "old");
	CHECK_OK(etcd_v2_set_dir(client, "/watch/dir", 0, NULL, ERR));
	live("/watch/dir", 0, child_then_delete);
	CHECK_TEXT(etcd_v2_response_action(answer), "delete");
	CHECK_DIR(NODE, "/watch/dir");
	put("/watch/top/a/b", "v");
	live("/watch/top/a/b", 0, delete_top);
	CHECK_TEXT(etcd_v2_response_action(answer), "delete");
	CHECK_DIR(NODE, "/watch/top");
	CHECK_DIR(PREV, "/watch/top");
	live("/watch/_own/_too", 0, set_hidden);
	is_event("set", "/watch/_own/_too", "v", NULL);
	live("/watch/end", 0, expire);
	CHECK_DIR(NODE, "/watch/end");
	/* the end of a directory, which slow tests must not miss, is the end of what is in it */
	past("/watch/end/a/b", put("/watch/end/a/b", "v") + 1, 0);
	CHECK_TEXT(etcd_v2_response_action(answer), "expire");
	CHECK_DIR(NODE, "/watch/end");
}

/* Every kind of change, one after the other, each from the index behind the last. */
static void whole_history(void)
{
	static const struct {
		const char *action, *value, *prev;
	} rows[] = {{"set", "1", NULL}, {"set", "1", "1"}, {"update", "2", "1"}, {"compareAndSwap", "3", "2"}, {"delete", NULL, "3"},
		    {"create", "4", NULL}, {"compareAndDelete", NULL, "4"}, {"set", "5", NULL}};
	const char *key = "/watch/all/key";
	uint64_t from = store_index() + 1;
	put("/watch/all/other", "x");
	put(key, "1");
	put(key, "1");
	CHECK_OK(etcd_v2_update(client, key, "2", 0, NULL, ERR));
	put("/watch/all/key2", "x");
	CHECK_OK(etcd_v2_compare_and_swap(client, key, "3", 0, "2", 0, NULL, ERR));
	CHECK_OK(etcd_v2_refresh(client, key, 1000, NULL, ERR));
	CHECK_OK(etcd_v2_delete(client, key, 0, NULL, ERR));
	CHECK_OK(etcd_v2_create(client, key, "4", 0, NULL, ERR));
	CHECK_OK(etcd_v2_compare_and_delete(client, key, "4", 0, NULL, ERR));
	CHECK_OK(etcd_v2_set(client, key, "5", 0, NULL, ERR));
	for (uint32_t flags = 0; flags < 2; flags++) {
		uint64_t next = from;
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			next = past(key, next, flags) + 1;
			is_event(rows[i].action, key, rows[i].value, rows[i].prev);
		}
	}
	/* below a directory everything */
	uint64_t next = from;
	for (int i = 0; i < 10; i++)
		next = past("/watch/all", next, ETCD_V2_RECURSIVE) + 1;
	CHECK_INT(next, store_index() + 1);
}

/* The server's history tells more than a live watch would. */
static void filtered_history(void)
{
	uint64_t from = store_index() + 1;
	put("/watch/h/_hidden", "1");
	put("/watch/h/a/_b/c", "1");
	put("/watch/h/a/seen", "1");
	past("/watch/h", from, ETCD_V2_RECURSIVE);
	is_event("set", "/watch/h/a/seen", "1", NULL);
	past("/watch/h/_hidden", from, 0);
	is_event("set", "/watch/h/_hidden", "1", NULL);
	past("/watch/h/a/_b", from, ETCD_V2_RECURSIVE);
	is_event("set", "/watch/h/a/_b/c", "1", NULL);

	put("/watch/p/pre/x", "1");
	put("/watch/p/prefix/x", "1");
	from = store_index() + 1;
	CHECK_OK(etcd_v2_delete(client, "/watch/p/pre", ETCD_V2_RECURSIVE, NULL, ERR));
	put("/watch/p/prefix/x", "2");
	for (uint32_t flags = 0; flags < 2; flags++) {
		past("/watch/p/prefix/x", from, flags);
		is_event("set", "/watch/p/prefix/x", "2", "1");
	}
	past("/watch/p/prefix", from, ETCD_V2_RECURSIVE);
	is_event("set", "/watch/p/prefix/x", "2", "1");
	/* a true ancestor counts, also with a slash behind */
	CHECK_OK(etcd_v2_delete(client, "/watch/p", ETCD_V2_RECURSIVE, NULL, ERR));
	past("/watch/p/prefix/x/", store_index(), 0);
	CHECK_TEXT(etcd_v2_response_action(answer), "delete");
	CHECK_DIR(NODE, "/watch/p");
}

/* After a timeout the wait goes on behind the error's index: nothing is lost, nothing comes twice. */
static void timeouts(void)
{
	uint64_t next = put("/watch/slow", "0") + 1;
	for (int i = 1; i <= 5; i++) {
		int64_t start = monotonic_ns();
		CHECK_STATUS(etcd_v2_watch_once(client, "/watch/slow", i == 1 ? 0 : next, 0, 100, OUT, ERR), ETCD_V2_TIMEOUT);
		/* "from now" has no place before the server has begun to answer */
		while (i == 1 && etcd_v2_error_etcd_index(error) == 0)
			CHECK_STATUS(etcd_v2_watch_once(client, "/watch/slow", 0, 0, 100, OUT, ERR), ETCD_V2_TIMEOUT);
		CHECK(monotonic_ns() - start >= 99000000);
		CHECK(answer == NULL && etcd_v2_error_is_retriable(error) && !etcd_v2_error_is_outcome_unknown(error));
		CHECK_INT(etcd_v2_error_etcd_code(error), 0);
		next = etcd_v2_error_etcd_index(error) + 1;
		CHECK_INT(next, store_index() + 1);
		/* others write, which a quiet key must not fall behind of */
		put("/watch/noise", "x");
		put("/watch/slow", text("%d", i));
		put("/watch/slow", "later");
		next = past("/watch/slow", next, 0) + 1;
		CHECK_TEXT(etcd_v2_node_value(NODE, NULL), text("%d", i));
		next = past("/watch/slow", next, 0) + 1;
		CHECK_TEXT(etcd_v2_node_value(NODE, NULL), "later");
	}
}

/* An index that is not reached yet: what comes before it is skipped. */
static void *write_four(void *unused)
{
	etcd_v2_error *error = NULL;
	wait_for_watchers(1);
	for (int i = 1; i <= 4; i++)
		CHECK_OK(etcd_v2_set(client, "/watch/future", text("%d", i), 0, NULL, &error));
	return unused;
}

static void future(void)
{
	pthread_t thread;
	wait_for_watchers(0);
	uint64_t index = store_index() + 3;
	CHECK_INT(pthread_create(&thread, NULL, write_four, NULL), 0);
	CHECK_OK(etcd_v2_watch_once(client, "/watch/future", index, 0, -1, OUT, ERR));
	CHECK_INT(pthread_join(thread, NULL), 0);
	is_event("set", "/watch/future", "3", "2");
	CHECK_INT(etcd_v2_node_modified_index(NODE), index);
}

/* The server keeps 1000 changes of all keys together. */
static void history_cleared(void)
{
	uint64_t first = put("/watch/old", "first"), now = 0;
	for (int i = 0; i < 1001; i++)
		now = put("/watch/noise", "x");
	CHECK_STATUS(etcd_v2_watch_once(client, "/watch/old", first, 0, 60000, OUT, ERR), ETCD_V2_HISTORY_CLEARED);
	unsigned long long oldest = now - 999;
	CHECK_REFUSED(401, 400, text("the requested history has been cleared [%llu/%llu]", oldest, (unsigned long long)first));
	CHECK_INT(etcd_v2_error_etcd_index(error), now);
	CHECK(!etcd_v2_error_is_retriable(error));
	/* the oldest that is kept, and the one before */
	past("/watch/noise", oldest, 0);
	CHECK_INT(etcd_v2_node_modified_index(NODE), oldest);
	CHECK_STATUS(etcd_v2_watch_once(client, "/watch/noise", oldest - 1, 0, 60000, OUT, ERR), ETCD_V2_HISTORY_CLEARED);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	/* a member that nothing is known of says who it is first, and is then asked again */
	past("/watch/first", put("/watch/first", "v"), 0);
	until_index_rests();
	from_now();
	whole_history();
	filtered_history();
	timeouts();
	future();
	history_cleared();
	return finish();
}
