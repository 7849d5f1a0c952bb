/*
 * Old answers as C sees them. Arguments: a server that answers one call and goes, one that is behind it.
 */

#include "check.h"

static etcd_v2_client *client_of(char **urls, int32_t stale)
{
	etcd_v2_options *options;
	etcd_v2_client *client;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, urls[0], &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, urls[1], &error));
	if (stale != 0)
		CHECK_OK(etcd_v2_options_set_stale_policy(options, stale, &error));
	CHECK_OK(etcd_v2_client_new(options, &client, &error));
	etcd_v2_options_free(options);
	return client;
}

int main(int count, char **arguments)
{
	CHECK(count == 5);
	etcd_v2_response *answer;
	/* told, as long as nobody says otherwise */
	etcd_v2_client *client = client_of(arguments + 1, 0);
	CHECK_OK(etcd_v2_get(client, "/a", 0, &answer, &error));
	CHECK(!etcd_v2_response_is_stale(answer));
	etcd_v2_response_free(answer);
	CHECK_OK(etcd_v2_get(client, "/a", 0, &answer, &error));
	CHECK(etcd_v2_response_is_stale(answer));
	etcd_v2_response_free(answer);
	etcd_v2_client_free(client);

	client = client_of(arguments + 3, ETCD_V2_STALE_REJECT);
	CHECK_OK(etcd_v2_get(client, "/a", 0, NULL, &error));
	CHECK_STATUS(etcd_v2_get(client, "/a", 0, &answer, &error), ETCD_V2_STALE);
	CHECK(answer == NULL);
	CHECK(etcd_v2_error_is_stale(error) && etcd_v2_error_is_retriable(error));
	CHECK(strstr(etcd_v2_error_message(error), "index 9 after 10") != NULL);
	CHECK(strstr(etcd_v2_error_message(error), arguments[4]) != NULL);
	CHECK_OK(etcd_v2_get(client, "/a", ETCD_V2_QUORUM, &answer, &error));
	CHECK(!etcd_v2_response_is_stale(answer));
	etcd_v2_response_free(answer);
	etcd_v2_client_free(client);
	return check_done();
}
