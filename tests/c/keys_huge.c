/* Numbers beyond 32 and 53 bits, and a key that has outlived its TTL. */

#include "keys.h"

static void is_huge(const etcd_v2_node *node, int64_t ttl)
{
	int64_t got;
	CHECK(etcd_v2_node_modified_index(node) == UINT64_MAX);
	CHECK(etcd_v2_node_created_index(node) == UINT64_C(9007199254740993));
	CHECK(etcd_v2_node_ttl(node, &got) && got == ttl);
	CHECK(etcd_v2_node_expiration_ns(node, &got) && got == INT64_MAX);
	CHECK_TEXT(etcd_v2_node_expiration(node), "2262-04-11T23:47:16.854775807Z");
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	CHECK_OK(etcd_v2_update(client, "/huge", "new", 0, OUT, ERR));
	CHECK(etcd_v2_response_etcd_index(answer) == UINT64_MAX);
	CHECK(etcd_v2_response_raft_index(answer) == UINT64_C(1) << 63);
	CHECK(etcd_v2_response_raft_term(answer) == UINT64_C(1) << 32);
	CHECK_TEXT(etcd_v2_response_cluster_id(answer), "cdf818194e3a8c");
	CHECK_FILE(NODE, "/huge", "new");
	is_huge(NODE, INT64_MAX);
	CHECK_FILE(PREV, "/huge", "old");
	is_huge(PREV, -83);
	return finish();
}
