/*
 * Clients that are freed inside callbacks of their own. Argument: endpoint.
 */

#include "wait.h"

enum { ROUNDS = 50 };

struct host {
	etcd_v2_client *client;
	etcd_v2_watcher *watcher;
	int told, closed, freed;
};

#define READ(what) __atomic_load_n(&(what), __ATOMIC_SEQ_CST)
#define ADD(what) __atomic_add_fetch(&(what), 1, __ATOMIC_SEQ_CST)

static void let_go(void *user) { ADD(((struct host *)user)->freed); }

static void on_end(const etcd_v2_completion *completion, void *user)
{
	struct host *host = user;
	CHECK_INT(etcd_v2_completion_status(completion), ETCD_V2_OK);
	etcd_v2_client_free(host->client);
	/* what it was told is good until it returns */
	CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(etcd_v2_completion_response(completion)), NULL), "v");
	ADD(host->told);
}

static void on_event(const etcd_v2_event *event, void *user)
{
	struct host *host = user;
	etcd_v2_client_free(host->client);
	CHECK_TEXT(etcd_v2_node_value(etcd_v2_event_node(event), NULL), "v");
	ADD(host->told);
}

int main(int count, char **arguments)
{
	CHECK(count == 2);
	long descriptors = open_descriptors(), threads = own_threads();
	etcd_v2_client *other = patient_client(arguments[1]);
	etcd_v2_request *request;
	etcd_v2_watch_options *options;
	CHECK_OK(etcd_v2_set(other, "/inside", "v", 0, NULL, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/inside", &request, &error));
	for (int i = 0; i < ROUNDS; i++) {
		struct host host = { 0 };
		host.client = patient_client(arguments[1]);
		CHECK_OK(etcd_v2_submit_callback(host.client, request, on_end, &host, let_go, &error));
		WAIT_UNTIL(READ(host.freed) == 1);
		CHECK_INT(READ(host.told), 1);
	}
	for (int i = 0; i < ROUNDS; i++) {
		struct host host = { 0 };
		host.client = patient_client(arguments[1]);
		CHECK_OK(etcd_v2_watch_options_new(&options, &error));
		CHECK_OK(etcd_v2_watch_options_set_callback(options, on_event, &host, let_go, &error));
		CHECK_OK(etcd_v2_watch(host.client, "/inside", options, &host.watcher, &error));
		etcd_v2_watch_options_free(options);
		WAIT_UNTIL(etcd_v2_watcher_state(host.watcher) == ETCD_V2_WATCHER_LIVE);
		CHECK_OK(etcd_v2_set(other, "/inside", "v", 0, NULL, &error));
		WAIT_UNTIL(READ(host.freed) == 1);
		CHECK_INT(READ(host.told), 1);
		etcd_v2_event *event;
		CHECK_STATUS(etcd_v2_watcher_next(host.watcher, -1, &event, &error), ETCD_V2_CLOSED);
		etcd_v2_watcher_free(host.watcher);
		CHECK_INT(READ(host.freed), 1);
	}
	etcd_v2_request_free(request);
	etcd_v2_client_free(other);
	WAIT_UNTIL(own_threads() == threads);
	WAIT_UNTIL(open_descriptors() == descriptors);
	return check_done();
}
