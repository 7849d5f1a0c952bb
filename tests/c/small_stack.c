/*
 * Calls on threads with a small stack. Arguments: its size in bytes, endpoint, file of certificate authorities or "".
 */

#include "wait.h"

#include <pthread.h>

static const char *url, *ca_file;

static void *calls(void *unused)
{
	etcd_v2_error *error = NULL;
	etcd_v2_options *options;
	etcd_v2_client *client;
	etcd_v2_response *response;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, url, &error));
	if (*ca_file != '\0')
		CHECK_OK(etcd_v2_options_set_ca_file(options, ca_file, &error));
	CHECK_OK(etcd_v2_options_set_timeout_ms(options, 60000, &error));
	CHECK_OK(etcd_v2_client_new(options, &client, &error));
	etcd_v2_options_free(options);
	CHECK_OK(etcd_v2_set(client, "/stack/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t", "v", 0, NULL, &error));
	CHECK_OK(etcd_v2_get(client, "/stack", ETCD_V2_RECURSIVE | ETCD_V2_SORTED | ETCD_V2_QUORUM, &response, &error));
	CHECK(etcd_v2_response_node(response) != NULL);
	etcd_v2_response_free(response);
	CHECK_STATUS(etcd_v2_get(client, "/stack/none", 0, NULL, &error), ETCD_V2_KEY_NOT_FOUND);
	CHECK_STATUS(etcd_v2_watch_once(client, "/stack", 0, ETCD_V2_RECURSIVE, 20, NULL, &error), ETCD_V2_TIMEOUT);
	etcd_v2_members *members;
	CHECK_OK(etcd_v2_member_list(client, &members, &error));
	etcd_v2_members_free(members);
	etcd_v2_health_report *health;
	CHECK_OK(etcd_v2_health_check_cluster(client, &health, &error));
	etcd_v2_health_report_free(health);
	CHECK_OK(etcd_v2_sync(client, &error));
	etcd_v2_watcher *watcher;
	etcd_v2_event *event;
	CHECK_OK(etcd_v2_watch(client, "/stack/seen", NULL, &watcher, &error));
	WAIT_UNTIL(etcd_v2_watcher_state(watcher) == ETCD_V2_WATCHER_LIVE);
	CHECK_OK(etcd_v2_set(client, "/stack/seen", "v", 0, NULL, &error));
	CHECK_OK(etcd_v2_watcher_next(watcher, 60000, &event, &error));
	etcd_v2_event_free(event);
	etcd_v2_watcher_free(watcher);
	etcd_v2_client_free(client);
	etcd_v2_error_free(error);
	return unused;
}

int main(int count, char **arguments)
{
	CHECK(count == 4);
	url = arguments[2];
	ca_file = arguments[3];
	pthread_attr_t attributes;
	pthread_t thread;
	CHECK_INT(pthread_attr_init(&attributes), 0);
	CHECK_INT(pthread_attr_setstacksize(&attributes, strtoul(arguments[1], NULL, 10)), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(pthread_create(&thread, &attributes, calls, NULL), 0);
		CHECK_INT(pthread_join(thread, NULL), 0);
	}
	pthread_attr_destroy(&attributes);
	return check_done();
}
