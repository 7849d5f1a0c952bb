/* Every operation on every kind of key, by verb, by request, and without nodes in the answer: protocol 2.3, 2.5, 4.1. */

#include "keys.h"

enum { MISSING, FILE_, EMPTY_DIR, FULL_DIR, BELOW_FILE, ROOT, STATES };
enum { VERB, REQUEST, WITHOUT_NODES, WAYS };

/* 200 and 201: done with that HTTP status; others: etcd's error code. */
#define BY_VERSION 1 /* 200 on 3.4; on 3.5 the update of a directory fails with 300 */

struct row {
	const char *name;
	int32_t operation;
	uint32_t flags;
	const char *value, *prev_value;
	const char *action;
	int32_t action_code;
	int cells[STATES];
};

#define ACTION(name) ETCD_V2_ACTION_##name
static const struct row rows[] = {
	{"get", ETCD_V2_OP_GET, 0, NULL, NULL, "get", ACTION(GET), {100, 200, 200, 200, 104, 200}},
	{"get all", ETCD_V2_OP_GET, 7, NULL, NULL, "get", ACTION(GET), {100, 200, 200, 200, 104, 200}},
	{"set", ETCD_V2_OP_SET, 0, "new", NULL, "set", ACTION(SET), {201, 200, 102, 102, 104, 107}},
	{"set dir", ETCD_V2_OP_SET, 8, NULL, NULL, "set", ACTION(SET), {201, 200, 102, 102, 104, 107}},
	{"create", ETCD_V2_OP_CREATE, 0, "new", NULL, "create", ACTION(CREATE), {201, 105, 105, 105, 104, 107}},
	{"create dir", ETCD_V2_OP_CREATE, 8, NULL, NULL, "create", ACTION(CREATE), {201, 105, 105, 105, 104, 107}},
	{"update", ETCD_V2_OP_UPDATE, 0, "new", NULL, "update", ACTION(UPDATE), {100, 200, 102, 102, 104, 107}},
	{"update to nothing", ETCD_V2_OP_UPDATE, 0, "", NULL, "update", ACTION(UPDATE),
	 {100, 200, BY_VERSION, BY_VERSION, 104, 107}},
	{"update dir", ETCD_V2_OP_UPDATE, 8, NULL, NULL, "update", ACTION(UPDATE),
	 {100, 104, BY_VERSION, BY_VERSION, 104, 107}},
	{"refresh", ETCD_V2_OP_REFRESH, 0, NULL, NULL, "update", ACTION(UPDATE),
	 {100, 200, BY_VERSION, BY_VERSION, 104, 107}},
	{"swap", ETCD_V2_OP_COMPARE_AND_SWAP, 0, "new", "old", "compareAndSwap", ACTION(COMPARE_AND_SWAP),
	 {100, 200, 102, 102, 104, 107}},
	{"swap in vain", ETCD_V2_OP_COMPARE_AND_SWAP, 0, "new", "zz", NULL, 0, {100, 101, 102, 102, 104, 107}},
	{"in order", ETCD_V2_OP_CREATE_IN_ORDER, 0, "new", NULL, "create", ACTION(CREATE),
	 {201, 104, 201, 201, 104, 201}},
	{"dir in order", ETCD_V2_OP_CREATE_IN_ORDER, 8, NULL, NULL, "create", ACTION(CREATE),
	 {201, 104, 201, 201, 104, 201}},
	{"delete", ETCD_V2_OP_DELETE, 0, NULL, NULL, "delete", ACTION(DELETE), {100, 200, 102, 102, 104, 107}},
	{"delete dir", ETCD_V2_OP_DELETE, 8, NULL, NULL, "delete", ACTION(DELETE), {100, 200, 200, 108, 104, 107}},
	{"delete all", ETCD_V2_OP_DELETE, 1, NULL, NULL, "delete", ACTION(DELETE), {100, 200, 200, 200, 104, 107}},
	{"compare and delete", ETCD_V2_OP_COMPARE_AND_DELETE, 0, NULL, "old", "compareAndDelete",
	 ACTION(COMPARE_AND_DELETE), {100, 200, 102, 102, 104, 102}},
	{"delete in vain", ETCD_V2_OP_COMPARE_AND_DELETE, 0, NULL, "zz", NULL, 0, {100, 101, 102, 102, 104, 102}},
};

static const int http_of[][2] = {{100, 404}, {101, 412}, {102, 403}, {104, 400}, {105, 412}, {107, 400}, {108, 403}, {300, 500}};

static etcd_v2_status by_verb(const struct row *row, const char *key, etcd_v2_response **out)
{
	bool dir = (row->flags & ETCD_V2_DIR) != 0;
	switch (row->operation) {
	case ETCD_V2_OP_GET:
		return etcd_v2_get(client, key, row->flags, out, ERR);
	case ETCD_V2_OP_SET:
		return dir ? etcd_v2_set_dir(client, key, 0, out, ERR) : etcd_v2_set(client, key, row->value, 0, out, ERR);
	case ETCD_V2_OP_CREATE:
		return dir ? etcd_v2_create_dir(client, key, 0, out, ERR)
			   : etcd_v2_create(client, key, row->value, 0, out, ERR);
	case ETCD_V2_OP_UPDATE:
		return dir ? etcd_v2_update_dir(client, key, 0, out, ERR)
			   : etcd_v2_update(client, key, row->value, 0, out, ERR);
	case ETCD_V2_OP_REFRESH:
		return etcd_v2_refresh(client, key, 500, out, ERR);
	case ETCD_V2_OP_DELETE:
		return dir ? etcd_v2_delete(client, key, ETCD_V2_DIR, out, ERR) : etcd_v2_delete(client, key, row->flags, out, ERR);
	case ETCD_V2_OP_COMPARE_AND_SWAP:
		return etcd_v2_compare_and_swap(client, key, row->value, 0, row->prev_value, 0, out, ERR);
	case ETCD_V2_OP_COMPARE_AND_DELETE:
		return etcd_v2_compare_and_delete(client, key, row->prev_value, 0, out, ERR);
	default:
		return -1;
	}
}

static etcd_v2_status by_request(const struct row *row, const char *key, uint32_t flags, etcd_v2_response **out)
{
	etcd_v2_request *request;
	CHECK_OK(etcd_v2_request_new(row->operation, key, &request, ERR));
	CHECK_OK(etcd_v2_request_set_flags(request, row->flags | flags, ERR));
	if (row->value != NULL && row->value[0] != '\0')
		CHECK_OK(etcd_v2_request_set_value(request, row->value, strlen(row->value), ERR));
	if (row->prev_value != NULL)
		CHECK_OK(etcd_v2_request_set_prev_value(request, row->prev_value, strlen(row->prev_value), ERR));
	if (row->operation == ETCD_V2_OP_REFRESH)
		CHECK_OK(etcd_v2_request_set_ttl(request, 500, ERR));
	etcd_v2_status status = etcd_v2_execute(client, request, out, ERR);
	etcd_v2_request_free(request);
	return status;
}

/* The node as a read shows it; NULL when there is none. To be freed. */
static etcd_v2_response *look(const char *key)
{
	etcd_v2_response *now;
	return etcd_v2_get(client, key, 0, &now, NULL) == ETCD_V2_OK ? now : NULL;
}

static void same(const etcd_v2_node *a, const etcd_v2_node *b)
{
	CHECK_TEXT(etcd_v2_node_key(a, NULL), etcd_v2_node_key(b, NULL));
	CHECK_TEXT(etcd_v2_node_value(a, NULL), etcd_v2_node_value(b, NULL));
	CHECK_INT(etcd_v2_node_is_dir(a), etcd_v2_node_is_dir(b));
	CHECK_INT(etcd_v2_node_created_index(a), etcd_v2_node_created_index(b));
	CHECK_INT(etcd_v2_node_modified_index(a), etcd_v2_node_modified_index(b));
}

static void refused(const struct row *row, int state, int code, const char *folder, const char *key, uint64_t before)
{
	int http = 0;
	for (size_t i = 0; i < sizeof http_of / sizeof *http_of; i++)
		if (http_of[i][0] == code)
			http = http_of[i][1];
	const char *cause = state == MISSING ? text("%s/none", folder) : state == BELOW_FILE ? text("%s/file", folder) : key;
	if (code == 101)
		cause = "[zz != old]";
	if (row->operation == ETCD_V2_OP_COMPARE_AND_DELETE && state == ROOT)
		cause = "";
	CHECK_INT(etcd_v2_error_phase(error), ETCD_V2_PHASE_BODY);
	CHECK_INT(etcd_v2_error_attempt_count(error), 0);
	if (code == 300) {
		CHECK_REFUSED(300, 500, NULL);
		CHECK(strstr(etcd_v2_error_cause(error), "Not a file") != NULL);
		CHECK(!etcd_v2_error_is_retriable(error));
		CHECK_INT(etcd_v2_error_etcd_index(error), 0);
	} else {
		CHECK_REFUSED((uint32_t)code, http, cause);
		uint64_t index = etcd_v2_error_etcd_index(error);
		CHECK(index >= before && index <= store_index());
	}
	CHECK(answer == NULL);
}

static void done(const struct row *row, int state, int http, const char *key, const etcd_v2_node *was, uint64_t before)
{
	const etcd_v2_node *node = NODE, *prev = PREV;
	uint64_t created = etcd_v2_node_created_index(node), modified = etcd_v2_node_modified_index(node);
	uint64_t index = etcd_v2_response_etcd_index(answer);
	bool in_order = row->operation == ETCD_V2_OP_CREATE_IN_ORDER, removed = row->operation == ETCD_V2_OP_DELETE ||
										row->operation == ETCD_V2_OP_COMPARE_AND_DELETE;
	CHECK(error == NULL);
	CHECK_TEXT(etcd_v2_response_action(answer), row->action);
	CHECK_INT(etcd_v2_response_action_code(answer), row->action_code);
	CHECK_INT(etcd_v2_response_http_status(answer), http);
	CHECK_TEXT(etcd_v2_response_endpoint(answer), url);
	CHECK(etcd_v2_response_raft_index(answer) > 0 && etcd_v2_response_raft_term(answer) > 0);
	CHECK(strlen(etcd_v2_response_cluster_id(answer)) >= 10);
	CHECK(strstr(etcd_v2_response_body(answer, NULL), row->action) != NULL);
	if (row->operation == ETCD_V2_OP_GET) {
		CHECK(prev == NULL && index >= before);
		same(node, was);
		return;
	}
	if (in_order) {
		size_t parent = state == ROOT ? 0 : strlen(key);
		CHECK(strncmp(etcd_v2_node_key(node, NULL), key, parent) == 0);
		CHECK_TEXT(etcd_v2_node_key(node, NULL) + parent, text("/%020llu", (unsigned long long)modified));
	} else {
		CHECK_TEXT(etcd_v2_node_key(node, NULL), key);
	}
	bool dir = (row->flags & ETCD_V2_DIR) && !removed ? true : !in_order && was != NULL && etcd_v2_node_is_dir(was);
	const char *value = removed || dir ? NULL : row->operation == ETCD_V2_OP_REFRESH ? "old" : row->value;
	CHECK_INT(etcd_v2_node_is_dir(node), dir);
	CHECK_TEXT(etcd_v2_node_value(node, NULL), value);
	bool made = row->action_code == ACTION(SET) || row->action_code == ACTION(CREATE);
	CHECK_INT(created, made ? modified : etcd_v2_node_created_index(was));
	/* the update of a directory on 3.4 leaves its index as it was */
	bool dir_update = row->action_code == ACTION(UPDATE) && dir;
	CHECK(dir_update || (modified == index && modified > before));
	CHECK_INT(prev != NULL, was != NULL && row->action_code != ACTION(CREATE));
	if (prev != NULL)
		same(prev, was);
}

static void cell(const struct row *row, size_t number, int state, int way)
{
	const char *folder = text("/table/%d/%zu.%d", way, number, state);
	const char *file = text("%s/file", folder), *dir = text("%s/dir", folder);
	put(file, "old");
	CHECK_OK(etcd_v2_create_dir(client, dir, 0, NULL, ERR));
	if (state == FULL_DIR)
		put(text("%s/child", dir), "x");
	const char *keys[] = {text("%s/none/deeper", folder), file, dir, dir, text("%s/below", file), "/"};
	const char *key = keys[state];
	int expected = row->cells[state] != BY_VERSION ? row->cells[state] : is_34 ? 200 : 300;
	bool succeeds = expected == 200 || expected == 201;
	etcd_v2_response *was = look(key), *is;
	uint64_t before = store_index();
	bool without_nodes = way == WITHOUT_NODES;
	bool post = way == VERB && row->operation == ETCD_V2_OP_CREATE_IN_ORDER;

	etcd_v2_status status = succeeds ? ETCD_V2_OK : expected;
	if (post && !row->flags)
		CHECK_STATUS(etcd_v2_create_in_order(client, key, row->value, 0, OUT, ERR), status);
	else if (way == VERB && !post)
		CHECK_STATUS(by_verb(row, key, OUT), status);
	else {
		/* by_request checks, too, so it is called outside of the check */
		etcd_v2_status got = by_request(row, key, without_nodes ? ETCD_V2_NO_VALUE_ON_SUCCESS : 0, OUT);
		check_status(got, status, &error, __FILE__, __LINE__, row->name);
	}
	if (!succeeds) {
		refused(row, state, expected, folder, key, before);
		is = look(key);
		CHECK_INT(is != NULL, was != NULL);
		if (is != NULL && state != ROOT)
			same(etcd_v2_response_node(is), etcd_v2_response_node(was));
		etcd_v2_response_free(is);
	} else if (without_nodes) {
		CHECK_TEXT(etcd_v2_response_action(answer), row->action);
		CHECK_INT(etcd_v2_response_http_status(answer), expected);
		CHECK(etcd_v2_response_etcd_index(answer) > before || row->action_code == ACTION(UPDATE));
		CHECK(NODE == NULL && PREV == NULL);
		CHECK_TEXT(etcd_v2_response_body(answer, NULL), text("{\"action\":\"%s\"}\n", row->action));
	} else {
		done(row, state, expected, key, was ? etcd_v2_response_node(was) : NULL, before);
		if (row->operation == ETCD_V2_OP_CREATE_IN_ORDER && state == ROOT)
			CHECK_OK(etcd_v2_delete(client, etcd_v2_node_key(NODE, NULL), ETCD_V2_RECURSIVE, NULL, ERR));
	}
	etcd_v2_response_free(was);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int32_t op = rows[i].operation;
		bool writes = op != ETCD_V2_OP_GET && op != ETCD_V2_OP_DELETE && op != ETCD_V2_OP_COMPARE_AND_DELETE;
		for (int way = VERB; way < (writes ? WAYS : WITHOUT_NODES); way++)
			for (int state = 0; state < STATES; state++)
				cell(&rows[i], i, state, way);
	}
	return finish();
}
