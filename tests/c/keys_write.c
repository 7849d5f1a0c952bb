/* Comparisons, keys in order, and what each write leaves behind: protocol 2.5, 2.6, 2.10. */

#include "keys.h"

static void compare_by_value(void)
{
	uint64_t first = put("/write/value", "3");
	CHECK_STATUS(etcd_v2_compare_and_swap(client, "/write/value", "x", 0, "zz", 0, OUT, ERR), ETCD_V2_COMPARE_FAILED);
	CHECK_REFUSED(101, 412, "[zz != 3]");
	CHECK_OK(etcd_v2_compare_and_swap(client, "/write/value", "4", 0, "3", 0, OUT, ERR));
	CHECK_FILE(NODE, "/write/value", "4");
	CHECK_FILE(PREV, "/write/value", "3");
	CHECK_INT(etcd_v2_node_created_index(NODE), first);
	CHECK_STATUS(etcd_v2_compare_and_delete(client, "/write/value", "3", 0, OUT, ERR), ETCD_V2_COMPARE_FAILED);
	CHECK_REFUSED(101, 412, "[3 != 4]");
	CHECK_VALUE("/write/value", "4");
	CHECK_OK(etcd_v2_compare_and_delete(client, "/write/value", "4", 0, OUT, ERR));
	CHECK_FILE(NODE, "/write/value", NULL);
	CHECK_FILE(PREV, "/write/value", "4");
	CHECK_STATUS(etcd_v2_get(client, "/write/value", 0, OUT, ERR), ETCD_V2_KEY_NOT_FOUND);
}

static void compare_by_index(void)
{
	uint64_t index = put("/write/index", "3");
	CHECK_STATUS(etcd_v2_compare_and_swap(client, "/write/index", "x", 0, NULL, 1, OUT, ERR), ETCD_V2_COMPARE_FAILED);
	CHECK_REFUSED(101, 412, text("[1 != %llu]", (unsigned long long)index));
	CHECK_STATUS(etcd_v2_compare_and_delete(client, "/write/index", NULL, UINT64_MAX, OUT, ERR), ETCD_V2_COMPARE_FAILED);
	CHECK_REFUSED(101, 412, text("[18446744073709551615 != %llu]", (unsigned long long)index));
	/* an empty value can only be compared by its index */
	CHECK_OK(etcd_v2_compare_and_swap(client, "/write/index", "", 0, NULL, index, OUT, ERR));
	CHECK_FILE(NODE, "/write/index", "");
	index = etcd_v2_node_modified_index(NODE);
	CHECK_OK(etcd_v2_compare_and_swap(client, "/write/index", "5", 0, NULL, index, OUT, ERR));
	CHECK_FILE(PREV, "/write/index", "");
	index = etcd_v2_node_modified_index(NODE);
	CHECK_OK(etcd_v2_compare_and_delete(client, "/write/index", NULL, index, OUT, ERR));
	CHECK_TEXT(etcd_v2_response_action(answer), "compareAndDelete");
}

static void compare_by_both(void)
{
	uint64_t index = put("/write/both", "3");
	const char *differ[] = {text("[zz != 3] [1 != %llu]", (unsigned long long)index), "[zz != 3]",
				text("[1 != %llu]", (unsigned long long)index)};
	const char *values[] = {"zz", "zz", "3"};
	uint64_t indices[] = {1, index, 1};
	for (int i = 0; i < 3; i++) {
		CHECK_STATUS(etcd_v2_compare_and_swap(client, "/write/both", "x", 0, values[i], indices[i], OUT, ERR),
			     ETCD_V2_COMPARE_FAILED);
		CHECK_REFUSED(101, 412, differ[i]);
		CHECK(etcd_v2_error_etcd_index(error) >= index);
		CHECK_STATUS(etcd_v2_compare_and_delete(client, "/write/both", values[i], indices[i], OUT, ERR),
			     ETCD_V2_COMPARE_FAILED);
		CHECK_REFUSED(101, 412, differ[i]);
	}
	CHECK_OK(etcd_v2_compare_and_swap(client, "/write/both", "4", 0, "3", index, OUT, ERR));
	CHECK_OK(etcd_v2_compare_and_delete(client, "/write/both", "4", etcd_v2_node_modified_index(NODE), OUT, ERR));
}

/* A delete has its conditions on the request line, a swap in the form: both must arrive as they are. */
static void compare_odd_values(void)
{
	const char *odd[] = {"a+b&ttl=1", "a b", "%41", "a;b", "x=y&prevIndex=1", "#?/", "\n\r\t", "\"'\\", "\x01\x7f",
			     "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", " ", "&", "+", "<&>"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		put("/write/odd", odd[i]);
		CHECK_STATUS(etcd_v2_compare_and_delete(client, "/write/odd", text("%s.", odd[i]), 0, OUT, ERR),
			     ETCD_V2_COMPARE_FAILED);
		CHECK_REFUSED(101, 412, text("[%s. != %s]", odd[i], odd[i]));
		CHECK_OK(etcd_v2_compare_and_swap(client, "/write/odd", odd[i], 0, odd[i], 0, OUT, ERR));
		CHECK(!etcd_v2_node_ttl(NODE, NULL));
		CHECK_FILE(PREV, "/write/odd", odd[i]);
		CHECK_OK(etcd_v2_compare_and_delete(client, "/write/odd", odd[i], 0, OUT, ERR));
		CHECK_FILE(PREV, "/write/odd", odd[i]);
	}
	/* a first request line of more than 4094 bytes would be cut off */
	for (size_t length = 4000; length <= 64000; length += 20000) {
		char *value = many('v', length);
		put("/write/odd", value);
		etcd_v2_client *fresh = patient_client(url);
		value[length - 1] = 'w';
		CHECK_STATUS(etcd_v2_compare_and_delete(fresh, "/write/odd", value, 0, NULL, ERR), ETCD_V2_COMPARE_FAILED);
		value[length - 1] = 'v';
		CHECK_OK(etcd_v2_compare_and_delete(fresh, "/write/odd", value, 0, NULL, ERR));
		etcd_v2_client_free(fresh);
		free(value);
	}
}

/* A condition holds for the request, not for one run of it. */
static void request_runs_again(void)
{
	etcd_v2_request *request;
	put("/write/again", "0");
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_COMPARE_AND_SWAP, "/write/again", &request, ERR));
	CHECK_OK(etcd_v2_request_set_value(request, "1", 1, ERR));
	CHECK_OK(etcd_v2_request_set_prev_value(request, "0", 1, ERR));
	CHECK_OK(etcd_v2_execute(client, request, OUT, ERR));
	CHECK_STATUS(etcd_v2_execute(client, request, OUT, ERR), ETCD_V2_COMPARE_FAILED);
	CHECK_OK(etcd_v2_request_set_prev_value(request, "1", 1, ERR));
	CHECK_OK(etcd_v2_request_set_value(request, "2", 1, ERR));
	CHECK_OK(etcd_v2_execute(client, request, OUT, ERR));
	CHECK_FILE(NODE, "/write/again", "2");
	CHECK_FILE(PREV, "/write/again", "1");
	etcd_v2_request_free(request);
}

/* Names are indices of 20 digits, so sorting is by creation; directories and files share the order. */
static void in_order(void)
{
	enum { COUNT = 30 };
	char keys[COUNT][64];
	etcd_v2_request *dir;
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_CREATE_IN_ORDER, "/write/queue", &dir, ERR));
	CHECK_OK(etcd_v2_request_set_flags(dir, ETCD_V2_DIR, ERR));
	CHECK_OK(etcd_v2_request_set_ttl(dir, 1000, ERR));
	for (int i = 0; i < COUNT; i++) {
		if (i % 3 == 2)
			CHECK_OK(etcd_v2_execute(client, dir, OUT, ERR));
		else
			CHECK_OK(etcd_v2_create_in_order(client, "/write/queue", text("%d", i), i % 3 * 1000, OUT, ERR));
		CHECK_INT(etcd_v2_response_http_status(answer), 201);
		CHECK_INT(etcd_v2_node_ttl(NODE, NULL), i % 3 != 0);
		strcpy(keys[i], etcd_v2_node_key(NODE, NULL));
		CHECK_TEXT(keys[i], text("/write/queue/%020llu", (unsigned long long)etcd_v2_node_created_index(NODE)));
	}
	etcd_v2_request_free(dir);
	CHECK_OK(etcd_v2_get(client, "/write/queue", ETCD_V2_SORTED, OUT, ERR));
	CHECK_INT(etcd_v2_node_child_count(NODE), COUNT);
	for (int i = 0; i < COUNT; i++) {
		const etcd_v2_node *child = etcd_v2_node_child_at(NODE, (size_t)i);
		if (i % 3 == 2)
			CHECK_DIR(child, keys[i]);
		else
			CHECK_FILE(child, keys[i], text("%d", i));
	}
	/* below a directory that was made so, and with an empty value */
	CHECK_OK(etcd_v2_create_in_order(client, keys[2], "", 0, OUT, ERR));
	CHECK(strncmp(etcd_v2_node_key(NODE, NULL), keys[2], strlen(keys[2])) == 0);
	const char *key = text("%s", etcd_v2_node_key(NODE, NULL));
	CHECK_VALUE(key, "");
}

/* A set of a directory blots a file out; the update of a directory must not. */
static void files_and_directories(void)
{
	uint64_t index = put("/write/kind", "precious");
	CHECK_STATUS(etcd_v2_update_dir(client, "/write/kind", 100, OUT, ERR), ETCD_V2_NOT_A_DIRECTORY);
	CHECK(strstr(etcd_v2_error_message(error), "/write/kind") != NULL);
	/* a question that the client asks before it writes; its answer is etcd's */
	CHECK_REFUSED(104, 400, "/write/kind");
	CHECK_VALUE("/write/kind", "precious");
	CHECK_INT(etcd_v2_node_modified_index(NODE), index);
	CHECK(!etcd_v2_node_ttl(NODE, NULL));
	CHECK_STATUS(etcd_v2_update_dir(client, "/write/kind/", 100, OUT, ERR), ETCD_V2_NOT_A_DIRECTORY);
	CHECK_VALUE("/write/kind", "precious");
	CHECK_OK(etcd_v2_set_dir(client, "/write/kind", 0, OUT, ERR));
	CHECK_DIR(NODE, "/write/kind");
	CHECK_FILE(PREV, "/write/kind", "precious");
	CHECK_OK(etcd_v2_get(client, "/write/kind", 0, OUT, ERR));
	CHECK_DIR(NODE, "/write/kind");
	CHECK_INT(etcd_v2_node_child_count(NODE), 0);
	/* parents are made by the write, and share its index */
	index = put("/write/deep/a/b/c", "1");
	for (const char *const *key = (const char *const[]){"/write/deep", "/write/deep/a", "/write/deep/a/b", NULL}; *key; key++) {
		CHECK_OK(etcd_v2_get(client, *key, 0, OUT, ERR));
		CHECK_INT(etcd_v2_node_created_index(NODE), index);
	}
	put("/write/deep/a/b/c", "2");
	CHECK_OK(etcd_v2_get(client, "/write/deep/a/b", 0, OUT, ERR));
	CHECK_INT(etcd_v2_node_modified_index(NODE), index);
	/* the answer to a removal names the top only */
	CHECK_OK(etcd_v2_delete(client, "/write/deep", ETCD_V2_RECURSIVE, OUT, ERR));
	CHECK_DIR(NODE, "/write/deep");
	CHECK_DIR(PREV, "/write/deep");
	CHECK_INT(etcd_v2_node_child_count(PREV), 0);
	CHECK_STATUS(etcd_v2_get(client, "/write/deep/a", 0, OUT, ERR), ETCD_V2_KEY_NOT_FOUND);
	CHECK_REFUSED(100, 404, "/write/deep");
}

/* Both flags of a removal at once, and either on a file. */
static void delete_flags(void)
{
	for (uint32_t flags = 0; flags <= 9; flags += flags == 1 ? 7 : 1) {
		put("/write/removal", "x");
		CHECK_OK(etcd_v2_delete(client, "/write/removal", flags, OUT, ERR));
		CHECK_FILE(NODE, "/write/removal", NULL);
	}
	put("/write/removal/x", "1");
	CHECK_OK(etcd_v2_delete(client, "/write/removal", ETCD_V2_DIR | ETCD_V2_RECURSIVE, OUT, ERR));
	/* invisible children count */
	put("/write/removal/_x", "1");
	CHECK_STATUS(etcd_v2_delete(client, "/write/removal", ETCD_V2_DIR, OUT, ERR), ETCD_V2_DIRECTORY_NOT_EMPTY);
	CHECK_REFUSED(108, 403, "/write/removal");
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	compare_by_value();
	compare_by_index();
	compare_by_both();
	compare_odd_values();
	request_runs_again();
	in_order();
	files_and_directories();
	delete_flags();
	return finish();
}
