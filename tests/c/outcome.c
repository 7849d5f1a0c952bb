/*
 * A write whose answer never came, and what became of it. Arguments: endpoint of an etcd, its process.
 *
 * A server that is stopped takes what is sent, and runs it when it goes on.
 */

#include "wait.h"

#include <signal.h>
#include <sys/types.h>

/* Ends as unknown: nobody answers. */
static etcd_v2_error *lose(const etcd_v2_client *client, const etcd_v2_request *request, pid_t server)
{
	etcd_v2_error *lost = NULL;
	etcd_v2_status status;
	CHECK(kill(server, SIGSTOP) == 0);
	while (!process_is_stopped(server))
		breathe();
	do {
		/* on a busy machine the deadline may come before anything was sent */
		etcd_v2_error_free(lost);
		status = etcd_v2_execute(client, request, NULL, &lost);
	} while (status == ETCD_V2_TIMEOUT);
	CHECK_INT(status, ETCD_V2_OUTCOME_UNKNOWN);
	CHECK(kill(server, SIGCONT) == 0);
	CHECK(etcd_v2_error_is_outcome_unknown(lost));
	CHECK(etcd_v2_error_known_index(lost) > 0);
	return lost;
}

static void found(const etcd_v2_client *client, pid_t server)
{
	etcd_v2_request *request;
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_CREATE, "/outcome/one", &request, &error));
	CHECK_OK(etcd_v2_request_set_value(request, "a\0b", 3, &error));
	CHECK_OK(etcd_v2_request_set_timeout_ms(request, 6000, &error));
	etcd_v2_error *lost = lose(client, request, server);

	etcd_v2_outcome *outcome;
	CHECK_OK(etcd_v2_outcome_resolve(client, request, lost, 60000, 50000, &outcome, &error));
	CHECK_INT(etcd_v2_outcome_state(outcome), ETCD_V2_WRITE_APPLIED);
	CHECK(etcd_v2_outcome_is_final(outcome));
	uint64_t index = etcd_v2_outcome_modified_index(outcome);
	CHECK(index > etcd_v2_error_known_index(lost));
	CHECK(etcd_v2_outcome_etcd_index(outcome) >= index);
	CHECK(strstr(etcd_v2_outcome_message(outcome), "applied") == etcd_v2_outcome_message(outcome));
	/* the evidence outlives what it is about */
	etcd_v2_error_free(lost);
	etcd_v2_request_free(request);
	const etcd_v2_response *change = etcd_v2_outcome_response(outcome);
	const etcd_v2_node *node = etcd_v2_response_node(change);
	size_t length;
	CHECK(memcmp(etcd_v2_node_value(node, &length), "a\0b", 4) == 0);
	CHECK_INT(length, 3);
	CHECK_INT(etcd_v2_node_modified_index(node), index);
	etcd_v2_outcome_free(outcome);
}

/* A comparison with an index that is gone is refused for ever. */
static void refused_for_ever(const etcd_v2_client *client, pid_t server)
{
	etcd_v2_request *request;
	CHECK_OK(etcd_v2_set(client, "/outcome/two", "1", 0, NULL, &error));
	etcd_v2_response *answer;
	CHECK_OK(etcd_v2_set(client, "/outcome/two", "2", 0, &answer, &error));
	uint64_t index = etcd_v2_response_etcd_index(answer);
	etcd_v2_response_free(answer);
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_COMPARE_AND_SWAP, "/outcome/two", &request, &error));
	CHECK_OK(etcd_v2_request_set_value(request, "3", 1, &error));
	CHECK_OK(etcd_v2_request_set_prev_index(request, index - 1, &error));
	CHECK_OK(etcd_v2_request_set_timeout_ms(request, 6000, &error));
	etcd_v2_error *lost = lose(client, request, server);
	etcd_v2_outcome *outcome;
	CHECK_OK(etcd_v2_outcome_resolve(client, request, lost, 60000, 50000, &outcome, &error));
	CHECK_INT(etcd_v2_outcome_state(outcome), ETCD_V2_WRITE_NOT_APPLIED);
	CHECK(etcd_v2_outcome_is_final(outcome));
	CHECK_INT(etcd_v2_outcome_modified_index(outcome), 0);
	const etcd_v2_node *node = etcd_v2_response_node(etcd_v2_outcome_response(outcome));
	CHECK_TEXT(etcd_v2_node_value(node, NULL), "2");
	etcd_v2_outcome_free(outcome);
	etcd_v2_error_free(lost);
	etcd_v2_request_free(request);
}

int main(int count, char **arguments)
{
	CHECK(count == 3);
	pid_t server = (pid_t)atol(arguments[2]);
	etcd_v2_client *client;
	CHECK_OK(etcd_v2_client_open(arguments[1], &client, &error));
	CHECK_OK(etcd_v2_get(client, "/", 0, NULL, &error));
	found(client, server);
	refused_for_ever(client, server);
	etcd_v2_client_free(client);
	return check_done();
}
