/* Keys that end: protocol 2.7, 2.8. Wants a server of its own, whose history nobody else pushes out. */

#include "keys.h"

static int64_t unix_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* What etcd wrote, read by other code than the library's. */
static int64_t read_time(const char *written)
{
	struct tm tm = {0};
	const char *rest = strptime(written, "%Y-%m-%dT%H:%M:%S", &tm);
	CHECK(rest != NULL);
	int64_t ns = 0, unit = 1000000000;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++)
			ns += (*rest - '0') * (unit /= 10);
	CHECK_TEXT(rest, "Z");
	return (int64_t)timegm(&tm) * 1000000000 + ns;
}

static void lasts(const etcd_v2_node *node, int64_t ttl)
{
	int64_t seconds = 0, ns = 0;
	CHECK(etcd_v2_node_ttl(node, &seconds) && etcd_v2_node_ttl(node, NULL));
	CHECK(seconds <= ttl && seconds > ttl - 20);
	CHECK(etcd_v2_node_expiration_ns(node, &ns) && etcd_v2_node_expiration_ns(node, NULL));
	CHECK_INT(ns, read_time(etcd_v2_node_expiration(node)));
	/* this machine's clock is the server's */
	int64_t left = ns - unix_ns();
	CHECK(left <= ttl * 1000000000 && left > (ttl - 20) * 1000000000);
}

static void lasts_for_ever(const etcd_v2_node *node)
{
	int64_t seconds = 7, ns = 7;
	CHECK(node != NULL);
	CHECK(!etcd_v2_node_ttl(node, &seconds) && !etcd_v2_node_expiration_ns(node, &ns));
	CHECK_INT(seconds, 0);
	CHECK_INT(ns, 0);
	CHECK(etcd_v2_node_expiration(node) == NULL);
}

/* Reads the key: `ttl` 0 for permanent. */
static void now_lasts(const char *key, int64_t ttl)
{
	CHECK_OK(etcd_v2_get(client, key, 0, OUT, ERR));
	if (ttl > 0)
		lasts(NODE, ttl);
	else
		lasts_for_ever(NODE);
}

/* Each verb with and without a TTL, and what it does to a TTL that was there. */
static void verbs(void)
{
	const int64_t ttls[] = {500, 0, 2147483648, 100, 0};
	for (size_t i = 0; i < 5; i++) {
		int64_t ttl = ttls[i];
		CHECK_OK(etcd_v2_set(client, "/ttl/file", "v", ttl, OUT, ERR));
		now_lasts("/ttl/file", ttl);
		CHECK_OK(etcd_v2_set(client, "/ttl/file", "v", 300, OUT, ERR));
		lasts(NODE, 300);
		CHECK_OK(etcd_v2_update(client, "/ttl/file", "v", ttl, OUT, ERR));
		lasts(PREV, 300);
		now_lasts("/ttl/file", ttl);
		CHECK_OK(etcd_v2_set(client, "/ttl/file", "v", 300, OUT, ERR));
		CHECK_OK(etcd_v2_compare_and_swap(client, "/ttl/file", "w", ttl, "v", 0, OUT, ERR));
		lasts(PREV, 300);
		now_lasts("/ttl/file", ttl);
		CHECK_OK(etcd_v2_delete(client, "/ttl/file", 0, OUT, ERR));
		CHECK_OK(etcd_v2_create(client, "/ttl/file", "v", ttl, OUT, ERR));
		now_lasts("/ttl/file", ttl);
		CHECK_OK(etcd_v2_create_in_order(client, "/ttl/queue", "v", ttl, OUT, ERR));
		now_lasts(text("%s", etcd_v2_node_key(NODE, NULL)), ttl);
		CHECK_OK(etcd_v2_set_dir(client, "/ttl/dir", ttl, OUT, ERR));
		now_lasts("/ttl/dir", ttl);
		CHECK_OK(etcd_v2_delete(client, "/ttl/dir", ETCD_V2_DIR, OUT, ERR));
		CHECK_OK(etcd_v2_create_dir(client, "/ttl/dir", ttl, OUT, ERR));
		now_lasts("/ttl/dir", ttl);
		int64_t other = ttl ? 0 : 700;
		if (is_34) {
			CHECK_OK(etcd_v2_update_dir(client, "/ttl/dir", other, OUT, ERR));
			CHECK_TEXT(etcd_v2_response_action(answer), "update");
			now_lasts("/ttl/dir", other);
		} else {
			CHECK_STATUS(etcd_v2_update_dir(client, "/ttl/dir", other, OUT, ERR), ETCD_V2_RAFT_INTERNAL);
			CHECK(!etcd_v2_error_is_outcome_unknown(error));
			now_lasts("/ttl/dir", ttl);
		}
		CHECK_OK(etcd_v2_delete(client, "/ttl/dir", ETCD_V2_DIR, NULL, ERR));
		CHECK_OK(etcd_v2_delete(client, "/ttl/file", 0, NULL, ERR));
	}
}

static void requests(void)
{
	etcd_v2_request *request;
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, "/ttl/request", &request, ERR));
	CHECK_OK(etcd_v2_request_set_value(request, "v", 1, ERR));
	CHECK_OK(etcd_v2_request_set_ttl(request, 1, ERR));
	CHECK_OK(etcd_v2_request_set_ttl(request, 600, ERR));
	CHECK_OK(etcd_v2_execute(client, request, OUT, ERR));
	lasts(NODE, 600);
	/* a refused one changes nothing */
	CHECK_STATUS(etcd_v2_request_set_ttl(request, -1, ERR), ETCD_V2_INVALID_ARGUMENT);
	CHECK_OK(etcd_v2_execute(client, request, OUT, ERR));
	lasts(NODE, 600);
	CHECK_OK(etcd_v2_request_set_ttl(request, 0, ERR));
	CHECK_OK(etcd_v2_execute(client, request, OUT, ERR));
	lasts(PREV, 600);
	lasts_for_ever(NODE);
	CHECK_OK(etcd_v2_request_set_ttl(request, 2147483648, ERR));
	CHECK_OK(etcd_v2_execute(client, request, OUT, ERR));
	lasts(NODE, 2147483648);
	etcd_v2_request_free(request);
}

static void refresh(void)
{
	CHECK_OK(etcd_v2_set(client, "/ttl/refresh", "kept", 100, OUT, ERR));
	uint64_t made = etcd_v2_node_created_index(NODE);
	CHECK_OK(etcd_v2_refresh(client, "/ttl/refresh", 900, OUT, ERR));
	CHECK_FILE(NODE, "/ttl/refresh", "kept");
	lasts(NODE, 900);
	lasts(PREV, 100);
	uint64_t refreshed = etcd_v2_node_modified_index(NODE);
	CHECK(refreshed > made);
	CHECK_INT(etcd_v2_node_created_index(NODE), made);
	CHECK_INT(etcd_v2_response_etcd_index(answer), refreshed);
	CHECK_VALUE("/ttl/refresh", "kept");
	CHECK_INT(etcd_v2_node_modified_index(NODE), refreshed);
	/* an index that was noted before is void */
	CHECK_STATUS(etcd_v2_compare_and_swap(client, "/ttl/refresh", "x", 0, NULL, made, OUT, ERR), ETCD_V2_COMPARE_FAILED);
	/* no change to be waited for: what comes next is the set */
	CHECK_STATUS(etcd_v2_watch_once(client, "/ttl/refresh", refreshed, 0, 100, OUT, ERR), ETCD_V2_TIMEOUT);
	uint64_t set = put("/ttl/refresh", "");
	CHECK_OK(etcd_v2_watch_once(client, "/ttl/refresh", refreshed, 0, 60000, OUT, ERR));
	CHECK_INT(etcd_v2_node_modified_index(NODE), set);
	/* also a permanent key, an empty value, the longest time */
	CHECK_OK(etcd_v2_refresh(client, "/ttl/refresh", 2147483648, OUT, ERR));
	CHECK_FILE(NODE, "/ttl/refresh", "");
	lasts(NODE, 2147483648);
	CHECK_STATUS(etcd_v2_refresh(client, "/ttl/none", 10, OUT, ERR), ETCD_V2_KEY_NOT_FOUND);
	CHECK_REFUSED(100, 404, "/ttl/none");
	CHECK_STATUS(etcd_v2_get(client, "/ttl/none", 0, OUT, ERR), ETCD_V2_KEY_NOT_FOUND);
}

/* The end of a key is a change like others: waited for, told with what was there. */
static void expires(void)
{
	const char *keys[] = {"/ttl/end/file", "/ttl/end/dir", "/ttl/end/refreshed"};
	uint64_t from[3];
	put("/ttl/end/stays", "s");
	CHECK_OK(etcd_v2_set(client, keys[0], "v", 1, OUT, ERR));
	from[0] = etcd_v2_node_modified_index(NODE);
	/* long enough for slow tests to write below it */
	CHECK_OK(etcd_v2_set_dir(client, keys[1], 10, OUT, ERR));
	put("/ttl/end/dir/sub/child", "c");
	from[1] = put("/ttl/end/dir/other", "c");
	CHECK_OK(etcd_v2_set(client, keys[2], "v", 1000, OUT, ERR));
	CHECK_OK(etcd_v2_refresh(client, keys[2], 1, OUT, ERR));
	from[2] = etcd_v2_node_modified_index(NODE);
	for (int i = 0; i < 3; i++) {
		CHECK_OK(etcd_v2_watch_once(client, keys[i], from[i] + 1, 0, 60000, OUT, ERR));
		CHECK_TEXT(etcd_v2_response_action(answer), "expire");
		CHECK_INT(etcd_v2_response_action_code(answer), ETCD_V2_ACTION_EXPIRE);
		if (i == 1) {
			CHECK_DIR(NODE, keys[i]);
			CHECK_DIR(PREV, keys[i]);
		} else {
			CHECK_FILE(NODE, keys[i], NULL);
			CHECK_FILE(PREV, keys[i], "v");
		}
		CHECK(etcd_v2_node_modified_index(NODE) > etcd_v2_node_modified_index(PREV));
		CHECK_INT(etcd_v2_node_created_index(NODE), etcd_v2_node_created_index(PREV));
		int64_t end;
		CHECK(etcd_v2_node_expiration_ns(PREV, &end) && end <= unix_ns());
		CHECK_STATUS(etcd_v2_get(client, keys[i], 0, OUT, ERR), ETCD_V2_KEY_NOT_FOUND);
	}
	/* what was below is gone without a word of its own */
	CHECK_STATUS(etcd_v2_get(client, "/ttl/end/dir/sub/child", 0, OUT, ERR), ETCD_V2_KEY_NOT_FOUND);
	CHECK_REFUSED(100, 404, "/ttl/end/dir");
	CHECK_OK(etcd_v2_watch_once(client, "/ttl/end/dir", from[1] + 1, ETCD_V2_RECURSIVE, 60000, OUT, ERR));
	CHECK_DIR(NODE, "/ttl/end/dir");
	uint64_t expired = etcd_v2_node_modified_index(NODE);
	CHECK_STATUS(etcd_v2_watch_once(client, "/ttl/end/dir", expired + 1, ETCD_V2_RECURSIVE, 100, OUT, ERR),
		     ETCD_V2_TIMEOUT);
	CHECK_VALUE("/ttl/end/stays", "s");
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	verbs();
	requests();
	refresh();
	expires();
	return finish();
}
