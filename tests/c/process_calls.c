/*
 * A thousand calls of all kinds leave no thread, no descriptor and no word behind.
 * Arguments: endpoint, an address where nobody listens, a server that never answers. Prints nothing but "N checks".
 */

#include "wait.h"

#include <signal.h>

enum { CALLS = 1000 };

static void calls(const char *endpoint, const char *dead, const char *mute)
{
	etcd_v2_client *client, *derived, *lonely, *waiting, *both;
	etcd_v2_options *options;
	etcd_v2_cancel_token *token;
	etcd_v2_request *request;
	char list[512];
	snprintf(list, sizeof list, "%s,%s", dead, endpoint);
	client = patient_client(endpoint);
	CHECK_OK(etcd_v2_client_open(dead, &lonely, &error));
	both = patient_client(list);
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, mute, &error));
	CHECK_OK(etcd_v2_options_set_timeout_ms(options, 5, &error));
	CHECK_OK(etcd_v2_client_new(options, &waiting, &error));
	etcd_v2_options_free(options);
	CHECK_OK(etcd_v2_cancel_token_new(&token, &error));
	CHECK_OK(etcd_v2_client_with(client, ETCD_V2_TIMEOUT_DEFAULT, token, &derived, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, "/calls/a", &request, &error));
	CHECK_OK(etcd_v2_request_set_cancel(request, token, &error));
	CHECK_OK(etcd_v2_request_set_value(request, "1", 1, &error));
	for (int i = 0; i < CALLS; i++) {
		etcd_v2_response *answer = NULL;
		switch (i % 10) {
		case 0:
			CHECK_OK(etcd_v2_set(client, "/calls/a", "1", 0, &answer, &error));
			break;
		case 1:
			CHECK_OK(etcd_v2_get(both, "/calls/a", 0, &answer, &error));
			break;
		case 2:
			CHECK_STATUS(etcd_v2_get(client, "/calls/none", 0, &answer, &error), ETCD_V2_KEY_NOT_FOUND);
			break;
		case 3:
			CHECK_STATUS(etcd_v2_create(client, "/calls/a", "1", 0, &answer, &error),
				     ETCD_V2_ALREADY_EXISTS);
			break;
		case 4:
			CHECK_OK(etcd_v2_watch_once(derived, "/calls/a", 1, 0, 60000, &answer, &error));
			break;
		case 5:
			CHECK_STATUS(etcd_v2_get(client, "no key", 0, &answer, &error), ETCD_V2_INVALID_ARGUMENT);
			break;
		case 6:
			CHECK_STATUS(etcd_v2_get(waiting, "/calls/a", 0, &answer, &error), ETCD_V2_TIMEOUT);
			break;
		case 7:
			CHECK_OK(etcd_v2_execute(client, request, &answer, &error));
			break;
		case 8:
			CHECK_STATUS(etcd_v2_watch_once(derived, "/calls/b", 0, 0, 1, &answer, &error),
				     ETCD_V2_TIMEOUT);
			break;
		default:
			if (i < 50) /* waits before it tries a second time */
				CHECK_STATUS(etcd_v2_set(lonely, "/calls/a", "1", 0, &answer, &error),
					     ETCD_V2_UNREACHABLE);
		}
		etcd_v2_response_free(answer);
		CHECK_INT(own_threads(), 1);
	}
	etcd_v2_request_free(request);
	etcd_v2_cancel_token_free(token);
	etcd_v2_client_free(derived);
	etcd_v2_client_free(client);
	etcd_v2_client_free(lonely);
	etcd_v2_client_free(waiting);
	etcd_v2_client_free(both);
}

int main(int count, char **arguments)
{
	CHECK(count == 4);
	struct sigaction before[65], after;
	for (int s = 1; s < 65; s++)
		memset(&before[s], 0, sizeof before[s]), sigaction(s, NULL, &before[s]);
	long descriptors = open_descriptors();
	calls(arguments[1], arguments[2], arguments[3]);
	CHECK_INT(open_descriptors(), descriptors);
	CHECK_INT(own_threads(), 1);
	for (int s = 1; s < 65; s++) {
		memset(&after, 0, sizeof after);
		if (sigaction(s, NULL, &after) == 0)
			CHECK(after.sa_handler == before[s].sa_handler && after.sa_flags == before[s].sa_flags);
	}
	return check_done();
}
