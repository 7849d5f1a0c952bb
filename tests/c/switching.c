/*
 * Many threads, one client, while members die, stop and come back, and while the list of members is given anew and synced:
 * nobody is told what is not true. Every second read is answered by any member, and must be as new as what the client
 * has been told. Arguments: endpoints, threads, seconds.
 */

#include "wait.h"

#include <poll.h>
#include <pthread.h>

static etcd_v2_client *client;
static int64_t end;

struct worker {
	pthread_t thread;
	int number;
	long calls, unknown, failed;
	long key;      /* given up when the outcome of a write to it is unknown */
	long applied;  /* last value of the key that was acknowledged, 0: none */
	long value;
};

/* Runs it on this thread or, for every second one, on that of the client. */
static etcd_v2_status run(struct worker *me, const etcd_v2_request *request, etcd_v2_queue *queue, long *read,
			  bool *unknown)
{
	etcd_v2_error *error = NULL;
	etcd_v2_response *response = NULL;
	etcd_v2_completion *completion = NULL;
	etcd_v2_status status;
	const etcd_v2_response *answer;
	const etcd_v2_error *why;
	if (me->number % 2 == 0) {
		status = etcd_v2_execute(client, request, &response, &error);
		answer = response;
		why = error;
	} else {
		int fd;
		CHECK_OK(etcd_v2_queue_fd(queue, &fd, &error));
		CHECK_OK(etcd_v2_submit(client, request, queue, me, &error));
		struct pollfd ask = { .fd = fd, .events = POLLIN };
		while (poll(&ask, 1, -1) < 0)
			;
		CHECK_OK(etcd_v2_queue_next(queue, 0, &completion, &error));
		CHECK(etcd_v2_completion_user(completion) == me);
		status = etcd_v2_completion_status(completion);
		answer = etcd_v2_completion_response(completion);
		why = etcd_v2_completion_error(completion);
	}
	me->calls++;
	*unknown = etcd_v2_error_is_outcome_unknown(why);
	CHECK((status == ETCD_V2_OK) == (answer != NULL));
	if (status == ETCD_V2_OK)
		*read = strtol(etcd_v2_node_value(etcd_v2_response_node(answer), NULL), NULL, 10);
	else if (status != ETCD_V2_KEY_NOT_FOUND) {
		if (!*unknown && !etcd_v2_error_is_retriable(why))
			fprintf(stderr, "%s\n", etcd_v2_error_message(why));
		CHECK(*unknown || etcd_v2_error_is_retriable(why));
		me->unknown += *unknown;
		me->failed += !*unknown;
	}
	etcd_v2_response_free(response);
	etcd_v2_completion_free(completion);
	etcd_v2_error_free(error);
	return status;
}

static void name_of(const struct worker *me, char *key, size_t size)
{
	snprintf(key, size, "/switching/%d-%ld", me->number, me->key);
}

static void write_and_read(struct worker *me, etcd_v2_queue *queue)
{
	etcd_v2_error *error = NULL;
	etcd_v2_request *set, *get;
	char key[64], value[32];
	bool unknown;
	long told = 0;
	name_of(me, key, sizeof key);
	snprintf(value, sizeof value, "%ld", ++me->value);
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, key, &set, &error));
	CHECK_OK(etcd_v2_request_set_value(set, value, strlen(value), &error));
	etcd_v2_status status = run(me, set, queue, &told, &unknown);
	etcd_v2_request_free(set);
	if (status == ETCD_V2_OK) {
		CHECK_INT(told, me->value);
		me->applied = me->value;
	} else if (unknown) {
		me->key++;
		me->applied = 0;
		return;
	}
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, key, &get, &error));
	if (me->value % 2 == 0)
		CHECK_OK(etcd_v2_request_set_flags(get, ETCD_V2_QUORUM, &error));
	status = run(me, get, queue, &told, &unknown);
	etcd_v2_request_free(get);
	CHECK(!unknown);
	if (status == ETCD_V2_OK)
		CHECK_INT(told, me->applied);
	else if (status == ETCD_V2_KEY_NOT_FOUND)
		CHECK_INT(0, me->applied);
}

static void *work(void *argument)
{
	etcd_v2_error *error = NULL;
	etcd_v2_queue *queue;
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	do
		write_and_read(argument, queue);
	while (now_ms() < end);
	etcd_v2_queue_free(queue);
	return NULL;
}

/* Whatever has to be shared by the threads is in use. */
static void open_client(const char *endpoints)
{
	etcd_v2_options *options;
	char *list = strdup(endpoints), *rest = list;
	CHECK(list != NULL);
	CHECK_OK(etcd_v2_options_new(&options, &error));
	for (char *url; (url = strsep(&rest, ",")) != NULL;)
		CHECK_OK(etcd_v2_options_add_endpoint(options, url, &error));
	CHECK_OK(etcd_v2_options_set_selection(options, ETCD_V2_SELECT_LEADER, &error));
	CHECK_OK(etcd_v2_options_set_stale_policy(options, ETCD_V2_STALE_REJECT, &error));
	CHECK_OK(etcd_v2_options_set_hedge_delay_ms(options, 100, &error));
	CHECK_OK(etcd_v2_client_new(options, &client, &error));
	etcd_v2_options_free(options);
	free(list);
}

int main(int count, char **arguments)
{
	CHECK(count == 4);
	const char *endpoints = arguments[1];
	int threads = atoi(arguments[2]);
	CHECK(threads >= 2);
	open_client(endpoints);
	struct worker *workers = calloc((size_t)threads, sizeof *workers);
	CHECK(workers != NULL);
	/* both ways once alone: what std makes on first use, ThreadSanitizer does not see */
	for (int t = 0; t < 2; t++) {
		workers[t].number = t;
		work(&workers[t]);
	}
	end = now_ms() + 1000 * strtol(arguments[3], NULL, 10);
	for (int t = 0; t < threads; t++) {
		workers[t].number = t;
		CHECK(pthread_create(&workers[t].thread, NULL, work, &workers[t]) == 0);
	}
	long synced = 0, listed = 0;
	etcd_v2_client *hasty;
	CHECK_OK(etcd_v2_client_with(client, 1000, NULL, &hasty, &error));
	while (now_ms() < end) {
		etcd_v2_endpoints *list;
		CHECK_OK(etcd_v2_client_endpoints(client, &list, &error));
		listed += (long)etcd_v2_endpoints_count(list);
		CHECK(etcd_v2_endpoints_count(list) > 0);
		etcd_v2_endpoints_free(list);
		CHECK_OK(etcd_v2_client_set_endpoints(client, endpoints, &error));
		/* it may meet a cluster without a leader */
		synced += etcd_v2_sync(hasty, NULL) == ETCD_V2_OK;
		breathe();
	}
	etcd_v2_client_free(hasty);
	long calls = 0, unknown = 0, failed = 0;
	for (int t = 0; t < threads; t++) {
		CHECK(pthread_join(workers[t].thread, NULL) == 0);
		calls += workers[t].calls;
		unknown += workers[t].unknown;
		failed += workers[t].failed;
		/* every key that is not given up is as it was acknowledged last */
		char key[64], value[32];
		etcd_v2_response *answer;
		name_of(&workers[t], key, sizeof key);
		snprintf(value, sizeof value, "%ld", workers[t].applied);
		if (workers[t].applied == 0)
			continue;
		CHECK_OK(etcd_v2_get(client, key, ETCD_V2_QUORUM, &answer, &error));
		CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(answer), NULL), value);
		etcd_v2_response_free(answer);
	}
	CHECK(calls > threads && synced > 0 && listed > 0);
	printf("%d threads, %ld calls, %ld unknown, %ld failed, %ld times synced\n", threads, calls, unknown, failed, synced);
	free(workers);
	etcd_v2_client_free(client);
	return check_done();
}
