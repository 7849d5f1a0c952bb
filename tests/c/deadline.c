/*
 * Tokens and deadlines through the boundary: who may free what, and when.
 * Arguments: a server that never answers, one that accepts a watch and stays quiet, one that answers.
 */

#include "wait.h"

#include <pthread.h>

struct run {
	const etcd_v2_client *client;
	const etcd_v2_request *request;
	long thread; /* 0 until it runs */
	etcd_v2_status status; /* -1 until it has ended */
};

static void *execute(void *argument)
{
	struct run *run = argument;
	__atomic_store_n(&run->thread, own_thread(), __ATOMIC_SEQ_CST);
	__atomic_store_n(&run->status, etcd_v2_execute(run->client, run->request, NULL, NULL), __ATOMIC_SEQ_CST);
	return NULL;
}

static void start(struct run *run, pthread_t *thread)
{
	CHECK(pthread_create(thread, NULL, execute, run) == 0);
	WAIT_UNTIL(__atomic_load_n(&run->thread, __ATOMIC_SEQ_CST) != 0);
	/* its deadline may come before we look */
	WAIT_UNTIL(thread_sleeps(run->thread) || __atomic_load_n(&run->status, __ATOMIC_SEQ_CST) != -1);
}

/* The token is freed while a call holds it, right after it was fired; so is the request. */
static void freed_while_in_use(const etcd_v2_client *mute)
{
	for (int i = 0; i < 20; i++) {
		etcd_v2_cancel_token *token;
		etcd_v2_request *request;
		CHECK_OK(etcd_v2_cancel_token_new(&token, &error));
		CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/a", &request, &error));
		CHECK_OK(etcd_v2_request_set_cancel(request, token, &error));
		struct run run = {mute, request, 0, -1};
		pthread_t thread;
		start(&run, &thread);
		int64_t before = now_ms();
		etcd_v2_cancel_token_cancel(token);
		etcd_v2_cancel_token_free(token);
		etcd_v2_request_free(request);
		CHECK(pthread_join(thread, NULL) == 0);
		CHECK_INT(run.status, ETCD_V2_CANCELLED);
		CHECK(now_ms() - before < 20000);
	}
}

/* Without being fired, a token that was freed ends nothing. */
static void freed_without_being_fired(const etcd_v2_client *mute, const etcd_v2_client *healthy)
{
	etcd_v2_cancel_token *token;
	etcd_v2_request *request;
	CHECK_OK(etcd_v2_cancel_token_new(&token, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/a", &request, &error));
	CHECK_OK(etcd_v2_request_set_cancel(request, token, &error));
	/* time to be seen asleep */
	CHECK_OK(etcd_v2_request_set_timeout_ms(request, 5000, &error));
	struct run run = {mute, request, 0, -1};
	pthread_t thread;
	start(&run, &thread);
	CHECK(!etcd_v2_cancel_token_is_cancelled(token));
	etcd_v2_cancel_token_free(token);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK_INT(run.status, ETCD_V2_TIMEOUT);
	CHECK_OK(etcd_v2_execute(healthy, request, NULL, &error));
	etcd_v2_request_free(request);
}

/* A request lets go of its token. */
static void taken_back(const etcd_v2_client *healthy)
{
	etcd_v2_cancel_token *token;
	etcd_v2_request *request;
	CHECK_OK(etcd_v2_cancel_token_new(&token, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/a", &request, &error));
	CHECK_OK(etcd_v2_request_set_cancel(request, token, &error));
	etcd_v2_cancel_token_cancel(token);
	CHECK(etcd_v2_cancel_token_is_cancelled(token));
	CHECK_STATUS(etcd_v2_execute(healthy, request, NULL, &error), ETCD_V2_CANCELLED);
	CHECK(!etcd_v2_error_is_outcome_unknown(error));
	CHECK_OK(etcd_v2_request_set_cancel(request, NULL, &error));
	CHECK_OK(etcd_v2_execute(healthy, request, NULL, &error));
	etcd_v2_client *ended;
	CHECK_OK(etcd_v2_client_with(healthy, ETCD_V2_TIMEOUT_INFINITE, token, &ended, &error));
	CHECK_STATUS(etcd_v2_watch_once(ended, "/a", 0, 0, -1, NULL, &error), ETCD_V2_CANCELLED);
	etcd_v2_client_free(ended);
	etcd_v2_cancel_token_free(token);
	etcd_v2_request_free(request);
}

#define CHECK_TAKES(call, expected, ms)                   \
	do {                                              \
		int64_t before = now_ms();                \
		CHECK_STATUS(call, expected);             \
		int64_t took = now_ms() - before;         \
		CHECK(took >= (ms)-1 && took < (ms) + 20000); \
	} while (0)

static void deadlines(const char *mute_url, const char *quiet_url)
{
	etcd_v2_options *options;
	etcd_v2_client *mute, *quiet;
	etcd_v2_request *request;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, mute_url, &error));
	/* time to send what is to be unknown */
	CHECK_OK(etcd_v2_options_set_timeout_ms(options, 3000, &error));
	CHECK_OK(etcd_v2_client_new(options, &mute, &error));
	etcd_v2_options_free(options);

	CHECK_TAKES(etcd_v2_get(mute, "/a", 0, NULL, &error), ETCD_V2_TIMEOUT, 3000);
	CHECK(etcd_v2_error_is_retriable(error));
	CHECK_TAKES(etcd_v2_set(mute, "/a", "1", 0, NULL, &error), ETCD_V2_OUTCOME_UNKNOWN, 3000);
	CHECK(etcd_v2_error_is_outcome_unknown(error));

	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/a", &request, &error));
	CHECK_OK(etcd_v2_request_set_timeout_ms(request, 400, &error));
	CHECK_TAKES(etcd_v2_execute(mute, request, NULL, &error), ETCD_V2_TIMEOUT, 400);
	etcd_v2_request_free(request);
	etcd_v2_client_free(mute);

	CHECK_OK(etcd_v2_client_open(quiet_url, &quiet, &error));
	CHECK_TAKES(etcd_v2_watch_once(quiet, "/a", 0, 0, 200, NULL, &error), ETCD_V2_TIMEOUT, 200);
	etcd_v2_client_free(quiet);
}

int main(int count, char **arguments)
{
	CHECK(count == 4);
	etcd_v2_client *mute, *healthy;
	CHECK_OK(etcd_v2_client_open(arguments[1], &mute, &error));
	CHECK_OK(etcd_v2_client_open(arguments[3], &healthy, &error));
	freed_while_in_use(mute);
	freed_without_being_fired(mute, healthy);
	taken_back(healthy);
	deadlines(arguments[1], arguments[2]);
	etcd_v2_client_free(mute);
	etcd_v2_client_free(healthy);
	return check_done();
}
