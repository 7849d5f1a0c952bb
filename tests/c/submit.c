/*
 * Asynchronous calls as hosts use them. Arguments: endpoint, one that never answers, how many.
 */

#include "wait.h"

#include <poll.h>

enum { WINDOW = 256 };

static etcd_v2_client *client;
static int calls;

#define READ(what) __atomic_load_n(&(what), __ATOMIC_SEQ_CST)
#define ADD(what) __atomic_add_fetch(&(what), 1, __ATOMIC_SEQ_CST)

static etcd_v2_request *request_of(int32_t operation, const char *key, const char *value)
{
	/* callbacks ask for some, too */
	etcd_v2_error *error = NULL;
	etcd_v2_request *request;
	CHECK_OK(etcd_v2_request_new(operation, key, &request, &error));
	if (value != NULL)
		CHECK_OK(etcd_v2_request_set_value(request, value, strlen(value), &error));
	return request;
}

static etcd_v2_request *set_number(int number)
{
	char key[32], value[16];
	snprintf(key, sizeof key, "/s/%d", number % 100);
	snprintf(value, sizeof value, "%d", number);
	return request_of(ETCD_V2_OP_SET, key, value);
}

static void check_number(const etcd_v2_completion *completion, int number)
{
	char value[16];
	snprintf(value, sizeof value, "%d", number);
	CHECK_INT(etcd_v2_completion_status(completion), ETCD_V2_OK);
	CHECK(etcd_v2_completion_error(completion) == NULL);
	const etcd_v2_response *response = etcd_v2_completion_response(completion);
	CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(response), NULL), value);
}

static void by_queue(void)
{
	int *told = calloc((size_t)calls, sizeof *told);
	CHECK(told != NULL);
	etcd_v2_queue *queue;
	int fd, again, submitted = 0;
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	CHECK_OK(etcd_v2_queue_fd(queue, &fd, &error));
	CHECK_OK(etcd_v2_queue_fd(queue, &again, &error));
	CHECK_INT(fd, again);
	struct pollfd ask = { .fd = fd, .events = POLLIN };
	CHECK_INT(poll(&ask, 1, 0), 0);
	for (int done = 0; done < calls; done++) {
		for (; submitted < calls && submitted < done + WINDOW; submitted++) {
			etcd_v2_request *request = set_number(submitted);
			CHECK_OK(etcd_v2_submit(client, request, queue, &told[submitted], &error));
			etcd_v2_request_free(request);
		}
		CHECK_INT(poll(&ask, 1, 60000), 1);
		etcd_v2_completion *completion;
		CHECK_OK(etcd_v2_queue_next(queue, 0, &completion, &error));
		int *user = etcd_v2_completion_user(completion);
		CHECK_INT(++*user, 1);
		check_number(completion, (int)(user - told));
		etcd_v2_completion_free(completion);
	}
	etcd_v2_completion *none;
	CHECK_INT(poll(&ask, 1, 0), 0);
	CHECK_STATUS(etcd_v2_queue_next(queue, 0, &none, &error), ETCD_V2_TIMEOUT);
	CHECK(none == NULL);
	etcd_v2_queue_free(queue);
	free(told);
}

/* One call of many, which submits the next when it has ended. */
struct call {
	int number, told;
};

static int running, ended, freed;
static struct call *all;

static void on_end(const etcd_v2_completion *completion, void *user);

static void let_go(void *user)
{
	CHECK_INT(((struct call *)user)->told, 1);
	ADD(freed);
}

static void submit_next(void)
{
	int number = __atomic_fetch_add(&running, 1, __ATOMIC_SEQ_CST);
	if (number >= calls)
		return;
	etcd_v2_request *request = set_number(number);
	all[number].number = number;
	CHECK_INT(etcd_v2_submit_callback(client, request, on_end, &all[number], let_go, NULL), ETCD_V2_OK);
	etcd_v2_request_free(request);
}

static void on_end(const etcd_v2_completion *completion, void *user)
{
	struct call *call = user;
	CHECK(etcd_v2_completion_user(completion) == user);
	CHECK_INT(++call->told, 1);
	check_number(completion, call->number);
	submit_next();
	ADD(ended);
}

static void by_callback(void)
{
	all = calloc((size_t)calls, sizeof *all);
	CHECK(all != NULL);
	for (int i = 0; i < WINDOW; i++)
		submit_next();
	WAIT_UNTIL(READ(freed) == calls);
	CHECK_INT(READ(ended), calls);
	free(all);
}

static void failures_and_limits(const char *url)
{
	etcd_v2_queue *queue;
	etcd_v2_completion *completion;
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	etcd_v2_request *request = request_of(ETCD_V2_OP_GET, "/s/none", NULL);
	CHECK_OK(etcd_v2_submit(client, request, queue, NULL, &error));
	CHECK_OK(etcd_v2_queue_next(queue, -1, &completion, &error));
	CHECK_INT(etcd_v2_completion_status(completion), ETCD_V2_KEY_NOT_FOUND);
	CHECK_INT(etcd_v2_error_etcd_code(etcd_v2_completion_error(completion)), 100);
	CHECK_TEXT(etcd_v2_error_cause(etcd_v2_completion_error(completion)), "/s/none");
	CHECK(etcd_v2_completion_response(completion) == NULL);
	etcd_v2_completion_free(completion);
	etcd_v2_request_free(request);
	CHECK_OK(etcd_v2_request_new_raw("GET", "/version", NULL, 0, NULL, &request, &error));
	CHECK_OK(etcd_v2_submit(client, request, queue, NULL, &error));
	CHECK_OK(etcd_v2_queue_next(queue, -1, &completion, &error));
	CHECK(strstr(etcd_v2_response_body(etcd_v2_completion_response(completion), NULL), "etcdserver") != NULL);
	etcd_v2_completion_free(completion);

	etcd_v2_options *options;
	etcd_v2_client *small;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, url, &error));
	CHECK_OK(etcd_v2_options_set_max_in_flight(options, 2, &error));
	CHECK_OK(etcd_v2_options_set_max_connections(options, 1, &error));
	CHECK_OK(etcd_v2_client_new(options, &small, &error));
	etcd_v2_options_free(options);
	struct call call = { .told = 1 };
	freed = 0;
	for (int i = 0; i < 2; i++)
		CHECK_OK(etcd_v2_submit(small, request, queue, NULL, &error));
	CHECK_STATUS(etcd_v2_submit(small, request, queue, NULL, &error), ETCD_V2_LIMIT);
	CHECK_STATUS(etcd_v2_submit_callback(small, request, on_end, &call, let_go, &error), ETCD_V2_LIMIT);
	CHECK_INT(freed, 1);
	for (int i = 0; i < 2; i++) {
		CHECK_OK(etcd_v2_queue_next(queue, -1, &completion, &error));
		CHECK_INT(etcd_v2_completion_status(completion), ETCD_V2_OK);
		etcd_v2_completion_free(completion);
	}
	CHECK_OK(etcd_v2_submit(small, request, queue, NULL, &error));
	etcd_v2_client_free(small);
	/* it has ended by now, in whatever way */
	CHECK_OK(etcd_v2_queue_next(queue, 0, &completion, &error));
	etcd_v2_completion_free(completion);
	etcd_v2_request_free(request);
	etcd_v2_queue_free(queue);
}

static int cancelled;

static void on_cancelled(const etcd_v2_completion *completion, void *user)
{
	etcd_v2_status status = etcd_v2_completion_status(completion);
	CHECK(status == ETCD_V2_CANCELLED || status == ETCD_V2_OUTCOME_UNKNOWN);
	CHECK(etcd_v2_completion_error(completion) != NULL);
	CHECK_INT(++((struct call *)user)->told, 1);
	ADD(cancelled);
}

/* Every call that is pending ends exactly once, before the end of its client returns. */
static void the_client_ends(const char *mute)
{
	enum { PENDING = 200 };
	struct call pending[PENDING] = { { 0 } };
	etcd_v2_client *other = patient_client(mute);
	etcd_v2_queue *queue, *gone;
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	CHECK_OK(etcd_v2_queue_new(&gone, &error));
	etcd_v2_request *request = request_of(ETCD_V2_OP_GET, "/s/mute", NULL);
	freed = cancelled = 0;
	for (int i = 0; i < PENDING; i++) {
		CHECK_OK(etcd_v2_submit(other, request, queue, &pending[i], &error));
		CHECK_OK(etcd_v2_submit(other, request, gone, NULL, &error));
		CHECK_OK(etcd_v2_submit_callback(other, request, on_cancelled, &pending[i], let_go, &error));
	}
	etcd_v2_request_free(request);
	etcd_v2_queue_free(gone);
	etcd_v2_client_free(other);
	CHECK_INT(cancelled, PENDING);
	CHECK_INT(freed, PENDING);
	for (int i = 0; i < PENDING; i++) {
		etcd_v2_completion *completion;
		CHECK_OK(etcd_v2_queue_next(queue, 0, &completion, &error));
		CHECK_INT(etcd_v2_completion_status(completion), ETCD_V2_CANCELLED);
		CHECK_INT(++((struct call *)etcd_v2_completion_user(completion))->told, 2);
		etcd_v2_completion_free(completion);
	}
	etcd_v2_completion *none;
	CHECK_STATUS(etcd_v2_queue_next(queue, 0, &none, &error), ETCD_V2_TIMEOUT);
	etcd_v2_queue_free(queue);
}

static void a_token_ends_one(const char *mute)
{
	etcd_v2_client *other = patient_client(mute);
	etcd_v2_queue *queue;
	etcd_v2_cancel_token *token;
	etcd_v2_completion *completion;
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	CHECK_OK(etcd_v2_cancel_token_new(&token, &error));
	etcd_v2_request *request = request_of(ETCD_V2_OP_GET, "/s/mute", NULL);
	CHECK_OK(etcd_v2_request_set_cancel(request, token, &error));
	CHECK_OK(etcd_v2_submit(other, request, queue, NULL, &error));
	CHECK_STATUS(etcd_v2_queue_next(queue, 1, &completion, &error), ETCD_V2_TIMEOUT);
	etcd_v2_cancel_token_cancel(token);
	CHECK_OK(etcd_v2_queue_next(queue, 60000, &completion, &error));
	CHECK_INT(etcd_v2_completion_status(completion), ETCD_V2_CANCELLED);
	etcd_v2_completion_free(completion);
	etcd_v2_request_free(request);
	etcd_v2_cancel_token_free(token);
	etcd_v2_queue_free(queue);
	etcd_v2_client_free(other);
}

static void forked(const char *mute)
{
	etcd_v2_client *other;
	etcd_v2_queue *queue;
	CHECK_OK(etcd_v2_client_open(mute, &other, &error));
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	etcd_v2_request *request = request_of(ETCD_V2_OP_GET, "/s/mute", NULL);
	CHECK_OK(etcd_v2_submit(other, request, queue, NULL, &error));
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		alarm(100);
		etcd_v2_completion *completion;
		int fd;
		CHECK_STATUS(etcd_v2_submit(other, request, queue, NULL, &error), ETCD_V2_FORKED);
		CHECK_STATUS(etcd_v2_queue_next(queue, -1, &completion, &error), ETCD_V2_FORKED);
		CHECK_STATUS(etcd_v2_queue_fd(queue, &fd, &error), ETCD_V2_FORKED);
		etcd_v2_client_free(other);
		etcd_v2_queue_free(queue);
		etcd_v2_request_free(request);
		end_of_a_child();
	}
	check_child(child);
	etcd_v2_client_free(other);
	etcd_v2_completion *completion;
	CHECK_OK(etcd_v2_queue_next(queue, 0, &completion, &error));
	etcd_v2_completion_free(completion);
	etcd_v2_queue_free(queue);
	etcd_v2_request_free(request);
}

int main(int count, char **arguments)
{
	CHECK(count == 4);
	calls = atoi(arguments[3]);
	CHECK(calls > WINDOW);
	long descriptors = open_descriptors(), threads = own_threads();
	client = patient_client(arguments[1]);
	CHECK_INT(own_threads(), threads);
	by_queue();
	CHECK_INT(own_threads(), threads + 1);
	by_callback();
	failures_and_limits(arguments[1]);
	the_client_ends(arguments[2]);
	a_token_ends_one(arguments[2]);
	forked(arguments[2]);
	etcd_v2_client_free(client);
	WAIT_UNTIL(own_threads() == threads);
	CHECK_INT(open_descriptors(), descriptors);
	return check_done();
}
