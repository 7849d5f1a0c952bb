/*
 * Hosts with many descriptors, and with none left.
 * Argument: endpoint. Prints "skipped: ..." for what the machine does not allow.
 */

#include "wait.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

enum { MANY = 1100, MOST = 2048 };

static int held[MOST];
static int holding;

static void hold(int n)
{
	for (; n > 0 && holding < MOST; n--) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		held[holding++] = fd;
	}
}

static void let_go(int n)
{
	for (; n > 0 && holding > 0; n--)
		close(held[--holding]);
}

static void use(const etcd_v2_client *client)
{
	etcd_v2_response *answer;
	etcd_v2_cancel_token *token;
	etcd_v2_client *derived;
	etcd_v2_request *request;
	CHECK_OK(etcd_v2_set(client, "/descriptors", "1", 0, NULL, &error));
	CHECK_OK(etcd_v2_get(client, "/descriptors", 0, &answer, &error));
	CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(answer), NULL), "1");
	uint64_t next = etcd_v2_response_etcd_index(answer);
	etcd_v2_response_free(answer);
	CHECK_OK(etcd_v2_cancel_token_new(&token, &error));
	CHECK_OK(etcd_v2_client_with(client, ETCD_V2_TIMEOUT_DEFAULT, token, &derived, &error));
	CHECK_OK(etcd_v2_watch_once(derived, "/descriptors", next, 0, 60000, NULL, &error));
	etcd_v2_client_free(derived);
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/descriptors", &request, &error));
	CHECK_OK(etcd_v2_request_set_cancel(request, token, &error));
	CHECK_OK(etcd_v2_execute(client, request, NULL, &error));
	etcd_v2_cancel_token_cancel(token);
	CHECK_STATUS(etcd_v2_execute(client, request, NULL, &error), ETCD_V2_CANCELLED);
	etcd_v2_request_free(request);
	etcd_v2_cancel_token_free(token);
}

/* Everything that a host waits for by descriptors of its own. */
static void use_in_background(const etcd_v2_client *client, int lowest)
{
	etcd_v2_watcher *watcher;
	etcd_v2_event *event;
	etcd_v2_queue *queue;
	etcd_v2_completion *completion;
	etcd_v2_request *request;
	struct pollfd ask[2] = { { .events = POLLIN }, { .events = POLLIN } };
	CHECK_OK(etcd_v2_watch(client, "/descriptors", NULL, &watcher, &error));
	CHECK_OK(etcd_v2_watcher_fd(watcher, &ask[0].fd, &error));
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	CHECK_OK(etcd_v2_queue_fd(queue, &ask[1].fd, &error));
	CHECK(ask[0].fd > lowest && ask[1].fd > lowest);
	WAIT_UNTIL(etcd_v2_watcher_state(watcher) == ETCD_V2_WATCHER_LIVE);
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, "/descriptors", &request, &error));
	CHECK_OK(etcd_v2_request_set_value(request, "2", 1, &error));
	CHECK_OK(etcd_v2_submit(client, request, queue, NULL, &error));
	for (int i = 0; i < 2; i++)
		CHECK_INT(poll(&ask[i], 1, 60000), 1);
	CHECK_OK(etcd_v2_watcher_next(watcher, 0, &event, &error));
	CHECK_TEXT(etcd_v2_node_value(etcd_v2_event_node(event), NULL), "2");
	CHECK_OK(etcd_v2_queue_next(queue, 0, &completion, &error));
	CHECK_INT(etcd_v2_completion_status(completion), ETCD_V2_OK);
	etcd_v2_completion_free(completion);
	etcd_v2_event_free(event);
	etcd_v2_request_free(request);
	etcd_v2_queue_free(queue);
	etcd_v2_watcher_free(watcher);
}

static void more_than_1024(const char *endpoint)
{
	struct rlimit limit;
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_max < MANY + 100) {
		printf("skipped: the hard limit of descriptors is %llu\n", (unsigned long long)limit.rlim_max);
		return;
	}
	limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	hold(MANY);
	CHECK_INT(holding, MANY);
	etcd_v2_client *client = patient_client(endpoint);
	use(client);
	use_in_background(client, 1024);
	etcd_v2_client_free(client);
	let_go(MANY);
}

static void none_left(const char *endpoint)
{
	etcd_v2_client *fresh = patient_client(endpoint), *used = patient_client(endpoint);
	etcd_v2_cancel_token *token;
	struct rlimit limit;
	use(used);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = (rlim_t)open_descriptors() + 20;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	hold(MOST);
	CHECK(open("/dev/null", O_RDONLY) < 0);

	CHECK_STATUS(etcd_v2_cancel_token_new(&token, &error), ETCD_V2_LIMIT);
	CHECK(token == NULL);
	int64_t before = now_ms();
	CHECK_STATUS(etcd_v2_get(fresh, "/descriptors", 0, NULL, &error), ETCD_V2_LIMIT);
	CHECK(!etcd_v2_error_is_outcome_unknown(error));
	CHECK_STATUS(etcd_v2_set(fresh, "/descriptors", "2", 0, NULL, &error), ETCD_V2_LIMIT);
	CHECK(!etcd_v2_error_is_outcome_unknown(error));
	CHECK_STATUS(etcd_v2_watch_once(fresh, "/descriptors", 0, 0, 120000, NULL, &error), ETCD_V2_LIMIT);
	etcd_v2_watcher *watcher;
	etcd_v2_request *request;
	etcd_v2_queue *queue;
	CHECK_STATUS(etcd_v2_watch(fresh, "/descriptors", NULL, &watcher, &error), ETCD_V2_LIMIT);
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/descriptors", &request, &error));
	CHECK_STATUS(etcd_v2_submit(fresh, request, queue, NULL, &error), ETCD_V2_LIMIT);
	etcd_v2_request_free(request);
	etcd_v2_queue_free(queue);
	/* at once: there is no use in waiting for the host to close something */
	CHECK(now_ms() - before < 100000);
	/* a connection that is there already needs no more */
	CHECK_OK(etcd_v2_get(used, "/descriptors", 0, NULL, &error));

	/* one is enough for a connection */
	let_go(1);
	CHECK_OK(etcd_v2_get(fresh, "/descriptors", 0, NULL, &error));
	let_go(MOST);
	use(fresh);
	use_in_background(fresh, 2);
	use(used);
	etcd_v2_client_free(fresh);
	etcd_v2_client_free(used);
}

int main(int count, char **arguments)
{
	CHECK(count == 2);
	more_than_1024(arguments[1]);
	none_left(arguments[1]);
	return check_done();
}
