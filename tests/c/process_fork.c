/*
 * fork() with a client in use: the child is refused, cleans up and makes its own; the parent notices nothing.
 * Argument: endpoint.
 */

#include "wait.h"

#include <pthread.h>
#include <sys/wait.h>

enum { FORKS = 100, FINE = 7 };

static bool over;

/* Uses the client while the main thread forks, so that locks are held in the middle of a fork. */
static void *stay_busy(void *client)
{
	etcd_v2_error *error = NULL;
	for (long i = 0; !__atomic_load_n(&over, __ATOMIC_SEQ_CST); i++) {
		etcd_v2_response *answer;
		char value[32];
		snprintf(value, sizeof value, "%ld", i);
		CHECK_OK(etcd_v2_set(client, "/fork/busy", value, 0, NULL, &error));
		CHECK_OK(etcd_v2_get(client, "/fork/busy", 0, &answer, &error));
		CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(answer), NULL), value);
		etcd_v2_response_free(answer);
	}
	return NULL;
}

int main(int count, char **arguments)
{
	CHECK(count == 2);
	etcd_v2_client *client, *derived, *another;
	etcd_v2_cancel_token *token;
	etcd_v2_request *request;
	etcd_v2_response *answer, *kept;
	etcd_v2_error *refusal;
	pthread_t busy;
	client = patient_client(arguments[1]);
	CHECK_OK(etcd_v2_set(client, "/fork/child", "-1", 0, NULL, &error));
	CHECK_OK(etcd_v2_get(client, "/fork/child", 0, &kept, &error));
	CHECK_STATUS(etcd_v2_get(client, "/fork/none", 0, NULL, &refusal), ETCD_V2_KEY_NOT_FOUND);
	CHECK_OK(etcd_v2_cancel_token_new(&token, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/fork/child", &request, &error));
	CHECK_OK(etcd_v2_request_set_cancel(request, token, &error));
	CHECK_OK(etcd_v2_client_with(client, 1000, token, &derived, &error));
	CHECK(pthread_create(&busy, NULL, stay_busy, client) == 0);

	for (int i = 0; i < FORKS; i++) {
		char value[32];
		snprintf(value, sizeof value, "%d", i);
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			/* a hang becomes a signal, and that a failure */
			alarm(100);
			CHECK_STATUS(etcd_v2_get(client, "/fork/child", 0, NULL, &error), ETCD_V2_FORKED);
			CHECK_STATUS(etcd_v2_set(client, "/fork/child", "x", 0, NULL, &error), ETCD_V2_FORKED);
			CHECK_STATUS(etcd_v2_execute(client, request, NULL, &error), ETCD_V2_FORKED);
			CHECK_STATUS(etcd_v2_watch_once(client, "/fork", 0, 0, -1, NULL, &error), ETCD_V2_FORKED);
			CHECK_STATUS(etcd_v2_get(derived, "/fork", 0, NULL, &error), ETCD_V2_FORKED);
			CHECK_STATUS(etcd_v2_client_with(client, 1000, NULL, &another, &error), ETCD_V2_FORKED);
			CHECK_STATUS(etcd_v2_member_list(client, NULL, &error), ETCD_V2_FORKED);
			CHECK_STATUS(etcd_v2_health_check_cluster(client, NULL, &error), ETCD_V2_FORKED);
			CHECK_STATUS(etcd_v2_user_create(client, "u", "p", NULL, 0, NULL, &error), ETCD_V2_FORKED);
			/* what was read before stays readable */
			CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(kept), NULL), "-1");
			CHECK(etcd_v2_error_message(refusal)[0] != '\0');
			if (i % 2) /* firing here must not end the parent's calls */
				etcd_v2_cancel_token_cancel(token);
			if (i % 3) etcd_v2_client_free(derived);
			etcd_v2_client_free(client);
			if (i % 3 == 0) etcd_v2_client_free(derived);
			etcd_v2_request_free(request);
			etcd_v2_cancel_token_free(token);
			etcd_v2_response_free(kept);
			etcd_v2_error_free(refusal);
			client = patient_client(arguments[1]);
			CHECK_OK(etcd_v2_set(client, "/fork/child", value, 0, NULL, &error));
			CHECK_OK(etcd_v2_get(client, "/fork/child", 0, &answer, &error));
			CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(answer), NULL), value);
			etcd_v2_response_free(answer);
			etcd_v2_client_free(client);
			_exit(FINE);
		}
		/* at the same time as the child, on the connections that both have */
		CHECK_OK(etcd_v2_set(client, "/fork/parent", value, 0, NULL, &error));
		CHECK_OK(etcd_v2_get(client, "/fork/parent", 0, &answer, &error));
		CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(answer), NULL), value);
		etcd_v2_response_free(answer);
		int status;
		CHECK(waitpid(child, &status, 0) == child);
		CHECK(WIFEXITED(status));
		CHECK_INT(WEXITSTATUS(status), FINE);
		CHECK_OK(etcd_v2_execute(client, request, &answer, &error));
		CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(answer), NULL), value);
		etcd_v2_response_free(answer);
		CHECK(!etcd_v2_cancel_token_is_cancelled(token));
	}
	__atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
	CHECK(pthread_join(busy, NULL) == 0);
	etcd_v2_cancel_token_free(token);
	etcd_v2_request_free(request);
	etcd_v2_response_free(kept);
	etcd_v2_error_free(refusal);
	etcd_v2_client_free(client);
	etcd_v2_client_free(derived);
	return check_done();
}
