/* A server that lets nobody do everything: protocol 4.1, 6.4. Wants a server of its own, since it locks it. */

#include "keys.h"

static void admin(const char *path, const char *body)
{
	etcd_v2_request *request;
	CHECK_OK(etcd_v2_request_new_raw("PUT", path, body, strlen(body), "application/json", &request, ERR));
	CHECK_OK(etcd_v2_execute(client, request, OUT, ERR));
	etcd_v2_request_free(request);
}

static void is_denied(etcd_v2_status got, int line)
{
	check_status(got, ETCD_V2_UNAUTHORIZED, &error, __FILE__, line, "denied");
	check_refused(110, 401, "Insufficient credentials", __FILE__, line);
	/* it tells nothing of the store */
	check_int((long long)etcd_v2_error_etcd_index(error), 0, __FILE__, line, "index");
	check_that(!etcd_v2_error_is_retriable(error) && answer == NULL, __FILE__, line, "final");
	etcd_v2_error_free(error);
	error = NULL;
}

#define DENIED(call) is_denied((call), __LINE__)

int main(int argc, char **argv)
{
	begin(argc, argv);
	put("/denied/secret", "s");
	put("/denied/file", "f");
	CHECK_OK(etcd_v2_create_dir(client, "/denied/dir", 0, NULL, ERR));
	put("/denied/dir/child", "c");
	admin("/v2/auth/users/root", "{\"user\":\"root\",\"password\":\"p\"}");
	/* the keys themselves, not what is below them */
	admin("/v2/auth/roles/guest", "{\"role\":\"guest\",\"permissions\":{\"kv\":{\"read\":[\"/denied/file\",\"/denied/dir\",\"/denied/none\"],"
				      "\"write\":[\"/denied/file\",\"/denied/dir\",\"/denied/none\"]}}}");
	admin("/v2/auth/enable", "");

	DENIED(etcd_v2_get(client, "/denied/secret", 0, OUT, ERR));
	DENIED(etcd_v2_get(client, "/", ETCD_V2_RECURSIVE, OUT, ERR));
	DENIED(etcd_v2_get(client, "/denied/none/exists", 0, OUT, ERR));
	DENIED(etcd_v2_set(client, "/denied/secret", "x", 0, OUT, ERR));
	DENIED(etcd_v2_create(client, "/denied/secret", "x", 0, OUT, ERR));
	DENIED(etcd_v2_update(client, "/denied/secret", "x", 0, OUT, ERR));
	DENIED(etcd_v2_refresh(client, "/denied/secret", 5, OUT, ERR));
	DENIED(etcd_v2_create_in_order(client, "/denied/dir/queue", "x", 0, OUT, ERR));
	DENIED(etcd_v2_set_dir(client, "/denied/secret", 0, OUT, ERR));
	DENIED(etcd_v2_update_dir(client, "/denied/secret", 0, OUT, ERR));
	DENIED(etcd_v2_delete(client, "/denied/secret", 0, OUT, ERR));
	DENIED(etcd_v2_compare_and_swap(client, "/denied/secret", "x", 0, "s", 0, OUT, ERR));
	DENIED(etcd_v2_compare_and_delete(client, "/denied/secret", "s", 0, OUT, ERR));
	DENIED(etcd_v2_watch_once(client, "/denied/secret", 1, 0, 60000, OUT, ERR));

	/* who may change a directory, but see no child of it, still cannot blank a file by mistake */
	CHECK_STATUS(etcd_v2_update_dir(client, "/denied/file", 100, OUT, ERR), ETCD_V2_NOT_A_DIRECTORY);
	CHECK_TEXT(etcd_v2_error_cause(error), "/denied/file");
	CHECK_VALUE("/denied/file", "f");
	CHECK_STATUS(etcd_v2_update_dir(client, "/denied/none", 100, OUT, ERR), ETCD_V2_KEY_NOT_FOUND);
	CHECK_STATUS(etcd_v2_update_dir(client, "/denied/dir", 100, OUT, ERR), is_34 ? ETCD_V2_OK : ETCD_V2_RAFT_INTERNAL);
	CHECK_OK(etcd_v2_get(client, "/denied/dir", 0, OUT, ERR));
	CHECK_INT(etcd_v2_node_ttl(NODE, NULL), is_34);
	return finish();
}
