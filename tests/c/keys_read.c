/* Reading and listing: protocol 2.3, 2.4, 2.9. */

#include "keys.h"

/* All nodes in the order of the answer, as "key=value" and "key/" joined by spaces, relative to `base`. */
static const char *outline(const etcd_v2_node *node, size_t base)
{
	static char out[4096];
	const etcd_v2_node *path[16];
	size_t next[16], depth = 0, length = 0;
	out[0] = '\0';
	path[0] = node;
	next[0] = 0;
	for (;;) {
		const etcd_v2_node *child = etcd_v2_node_child_at(path[depth], next[depth]++);
		if (child == NULL) {
			CHECK_INT(next[depth] - 1, etcd_v2_node_child_count(path[depth]));
			if (depth-- == 0)
				return out;
			continue;
		}
		const char *value = etcd_v2_node_value(child, NULL);
		CHECK(etcd_v2_node_is_dir(child) == (value == NULL));
		CHECK(etcd_v2_node_created_index(child) > 0 && etcd_v2_node_modified_index(child) > 0);
		length += (size_t)snprintf(out + length, sizeof out - length, "%s%s%s%s", length ? " " : "",
					   etcd_v2_node_key(child, NULL) + base, value ? "=" : "/", value ? value : "");
		path[++depth] = child;
		next[depth] = 0;
		CHECK(depth < 15 && length < sizeof out - 1);
	}
}

static void lists(void)
{
	const char *files[] = {"b", "a/2", "a/1", "a/deep/er/x", "c", "a/_hidden", "_h/seen", "_h/_unseen", "_file", "C", "a.b", "a-"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		put(text("/read/list/%s", files[i]), text("%zu", i));
	CHECK_OK(etcd_v2_create_dir(client, "/read/list/empty", 0, NULL, ERR));
	size_t base = strlen("/read/list/");
	const struct {
		const char *key;
		uint32_t flags;
		const char *outline;
	} rows[] = {
		{"/read/list", ETCD_V2_SORTED, "C=9 a/ a-=11 a.b=10 b=0 c=4 empty/"},
		{"/read/list/", ETCD_V2_SORTED | ETCD_V2_QUORUM, "C=9 a/ a-=11 a.b=10 b=0 c=4 empty/"},
		{"/read/list", ETCD_V2_SORTED | ETCD_V2_RECURSIVE,
		 "C=9 a/ a/1=2 a/2=1 a/deep/ a/deep/er/ a/deep/er/x=3 a-=11 a.b=10 b=0 c=4 empty/"},
		{"/read/list", ETCD_V2_SORTED | ETCD_V2_RECURSIVE | ETCD_V2_QUORUM,
		 "C=9 a/ a/1=2 a/2=1 a/deep/ a/deep/er/ a/deep/er/x=3 a-=11 a.b=10 b=0 c=4 empty/"},
		{"/read/list/a", ETCD_V2_SORTED, "a/1=2 a/2=1 a/deep/"},
		{"/read/list/a/deep", ETCD_V2_RECURSIVE, "a/deep/er/ a/deep/er/x=3"},
		{"/read/list/empty", ETCD_V2_RECURSIVE, ""},
		{"/read/list/_h", 0, "_h/seen=6"},
		{"/read/list/_h", ETCD_V2_RECURSIVE | ETCD_V2_SORTED, "_h/seen=6"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		CHECK_OK(etcd_v2_get(client, rows[i].key, rows[i].flags, OUT, ERR));
		CHECK(etcd_v2_node_is_dir(NODE) && etcd_v2_node_value(NODE, NULL) == NULL);
		CHECK_TEXT(outline(NODE, base), rows[i].outline);
	}
	CHECK_OK(etcd_v2_get(client, "/read/list", 0, OUT, ERR));
	CHECK_INT(etcd_v2_node_child_count(NODE), 7);
}

/* Hidden keys are there for whoever knows their names. */
static void hidden(void)
{
	const char *keys[] = {"/read/list/_file", "/read/list/a/_hidden", "/read/list/_h/_unseen", "/read/list/_h/seen"};
	for (size_t i = 0; i < 4; i++) {
		CHECK_OK(etcd_v2_get(client, keys[i], 0, OUT, ERR));
		CHECK_TEXT(etcd_v2_node_key(NODE, NULL), keys[i]);
	}
	CHECK_OK(etcd_v2_update(client, keys[0], "new", 0, NULL, ERR));
	CHECK_VALUE(keys[0], "new");
	/* only hidden children: seems empty */
	put("/read/hides/_a/b", "1");
	put("/read/hides/_c", "1");
	CHECK_OK(etcd_v2_get(client, "/read/hides", ETCD_V2_RECURSIVE, OUT, ERR));
	CHECK_INT(etcd_v2_node_child_count(NODE), 0);
	CHECK_OK(etcd_v2_delete(client, "/read/hides/_a", ETCD_V2_RECURSIVE, NULL, ERR));
	CHECK_OK(etcd_v2_delete(client, "/read/hides/_c", 0, NULL, ERR));
	CHECK_OK(etcd_v2_delete(client, "/read/hides", ETCD_V2_DIR, NULL, ERR));
}

/* The root has no key of its own and no indices. */
static void root(void)
{
	CHECK_OK(etcd_v2_get(client, "/", ETCD_V2_RECURSIVE | ETCD_V2_QUORUM, OUT, ERR));
	CHECK_DIR(NODE, "/");
	CHECK_INT(etcd_v2_node_created_index(NODE), 0);
	CHECK_INT(etcd_v2_node_modified_index(NODE), 0);
	CHECK(PREV == NULL);
	bool found = false;
	for (size_t i = 0; i < etcd_v2_node_child_count(NODE); i++)
		found |= strcmp(etcd_v2_node_key(etcd_v2_node_child_at(NODE, i), NULL), "/read") == 0;
	CHECK(found);
}

static void misses(void)
{
	uint64_t before = store_index();
	CHECK_STATUS(etcd_v2_get(client, "/read/list/nope/x/y", 0, OUT, ERR), ETCD_V2_KEY_NOT_FOUND);
	CHECK_REFUSED(100, 404, "/read/list/nope");
	CHECK(etcd_v2_error_etcd_index(error) >= before);
	CHECK(!etcd_v2_error_is_retriable(error));
	CHECK(strlen(etcd_v2_error_message(error)) > 0 && strchr(etcd_v2_error_message(error), '\n') == NULL);
	CHECK_STATUS(etcd_v2_get(client, "/read/list/b/x/y", ETCD_V2_QUORUM, OUT, ERR), ETCD_V2_NOT_A_DIRECTORY);
	CHECK_REFUSED(104, 400, "/read/list/b");
	CHECK(answer == NULL);
}

/* The member that refused is told, not the one that was tried in vain before it. */
static void misses_elsewhere(void)
{
	etcd_v2_client *two = patient_client(text("http://127.0.0.1:1,%s", url));
	CHECK_STATUS(etcd_v2_get(two, "/read/list/nope", 0, OUT, ERR), ETCD_V2_KEY_NOT_FOUND);
	CHECK_REFUSED(100, 404, "/read/list/nope");
	CHECK_INT(etcd_v2_error_phase(error), ETCD_V2_PHASE_BODY);
	CHECK_INT(etcd_v2_error_attempt_count(error), 1);
	const char *endpoint;
	int32_t phase;
	CHECK(etcd_v2_error_attempt_at(error, 0, &endpoint, &phase, NULL, NULL));
	CHECK_TEXT(endpoint, "http://127.0.0.1:1");
	CHECK_INT(phase, ETCD_V2_PHASE_CONNECT);
	etcd_v2_client_free(two);
}

static void index_of_answers(void)
{
	uint64_t written = put("/read/index", "1"), now = put("/read/other", "1");
	CHECK_OK(etcd_v2_get(client, "/read/index", 0, OUT, ERR));
	CHECK(etcd_v2_response_etcd_index(answer) >= now);
	CHECK_INT(etcd_v2_node_modified_index(NODE), written);
	CHECK_INT(etcd_v2_response_http_status(answer), 200);
	size_t length;
	const char *body = etcd_v2_response_body(answer, &length);
	CHECK_TEXT(body, text("{\"action\":\"get\",\"node\":{\"key\":\"/read/index\",\"value\":\"1\","
			      "\"modifiedIndex\":%llu,\"createdIndex\":%llu}}\n",
			      (unsigned long long)written, (unsigned long long)written));
	CHECK_INT(length, strlen(body));
}

/* Far children cost no more than near ones. */
static void many_children(void)
{
	enum { COUNT = 600, ROUNDS = 100000 };
	for (int i = 0; i < COUNT; i++)
		put(text("/read/many/%05d", i), "v");
	CHECK_OK(etcd_v2_get(client, "/read/many", ETCD_V2_SORTED, OUT, ERR));
	CHECK_INT(etcd_v2_node_child_count(NODE), COUNT);
	for (size_t i = 0; i < COUNT; i++)
		CHECK_FILE(etcd_v2_node_child_at(NODE, i), text("/read/many/%05zu", i), "v");
	const size_t beyond[] = {COUNT, COUNT + 1, SIZE_MAX, SIZE_MAX / 2};
	for (size_t i = 0; i < 4; i++)
		CHECK(etcd_v2_node_child_at(NODE, beyond[i]) == NULL);
	CHECK(etcd_v2_node_child_at(etcd_v2_node_child_at(NODE, 0), 0) == NULL);

	int64_t took[2] = {INT64_MAX, INT64_MAX};
	for (int try = 0; try < 5; try++)
		for (int end = 0; end < 2; end++) {
			const etcd_v2_node *node = NODE;
			size_t found = 0;
			int64_t start = thread_ns();
			for (int i = 0; i < ROUNDS; i++)
				found += etcd_v2_node_child_at(node, end ? COUNT - 1 : 0) != NULL;
			int64_t t = thread_ns() - start;
			CHECK_INT(found, ROUNDS);
			took[end] = t < took[end] ? t : took[end];
		}
	/* a walk along the children would take some hundred times as long */
	CHECK(took[1] < 20 * took[0]);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	lists();
	hidden();
	root();
	misses();
	misses_elsewhere();
	index_of_answers();
	many_children();
	return finish();
}
