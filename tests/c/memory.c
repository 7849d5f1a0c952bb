/*
 * Calls with little memory left, and a server that sends a lot.
 *
 *   memory URL MEGABYTES        says how a blocking and a submitted call ended
 *   memory URL MEGABYTES WHAT   the same of one call for a list, or of a watcher that begins with a snapshot
 */
/* setrlimit */
#define _XOPEN_SOURCE 700
#include "check.h"

#include <sys/resource.h>

static unsigned long long used(void)
{
	unsigned long long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");
	CHECK(statm != NULL && fscanf(statm, "%llu", &pages) == 1);
	fclose(statm);
	return pages * 4096;
}

/* Ends with its first event, or when it is told that memory has run out; TIMEOUT: it tries again. */
static etcd_v2_status watch(etcd_v2_client *client)
{
	etcd_v2_watch_options *options;
	etcd_v2_watcher *watcher;
	etcd_v2_event *event = NULL;
	CHECK_OK(etcd_v2_watch_options_new(&options, &error));
	CHECK_OK(etcd_v2_watch_options_set_recursive(options, true, &error));
	CHECK_OK(etcd_v2_watch_options_set_snapshot_first(options, true, &error));
	CHECK_OK(etcd_v2_watch_options_set_on_lost(options, ETCD_V2_ON_LOST_RESYNC, &error));
	etcd_v2_status status = etcd_v2_watch(client, "/a", options, &watcher, NULL);
	if (status == ETCD_V2_OK) {
		do
			status = etcd_v2_watcher_next(watcher, 20, &event, NULL);
		while (status == ETCD_V2_TIMEOUT && etcd_v2_watcher_state(watcher) != ETCD_V2_WATCHER_RECONNECTING);
		etcd_v2_event_free(event);
		etcd_v2_watcher_free(watcher);
	}
	etcd_v2_watch_options_free(options);
	return status;
}

static etcd_v2_status ask(etcd_v2_client *client, const char *what)
{
	etcd_v2_members *members = NULL;
	etcd_v2_users *users = NULL;
	etcd_v2_roles *roles = NULL;
	etcd_v2_stats *stats = NULL;
	etcd_v2_response *answer = NULL;
	etcd_v2_error *refusal = NULL;
	etcd_v2_status status = ETCD_V2_OK;
	if (strcmp(what, "members") == 0)
		status = etcd_v2_member_list(client, &members, NULL);
	else if (strcmp(what, "users") == 0)
		status = etcd_v2_user_list(client, &users, NULL);
	else if (strcmp(what, "roles") == 0)
		status = etcd_v2_role_list(client, &roles, NULL);
	else if (strcmp(what, "stats") == 0)
		status = etcd_v2_stats_self(client, NULL, &stats, NULL);
	else if (strcmp(what, "refusal") == 0)
		status = etcd_v2_get(client, "/a", 0, &answer, &refusal);
	else if (strcmp(what, "watch") == 0)
		status = watch(client);
	else
		CHECK(!"a name that is known");
	etcd_v2_members_free(members);
	etcd_v2_users_free(users);
	etcd_v2_roles_free(roles);
	etcd_v2_stats_free(stats);
	etcd_v2_response_free(answer);
	etcd_v2_error_free(refusal);
	return status;
}

static void limit_to(const char *megabytes)
{
	struct rlimit limit;
	CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
	limit.rlim_cur = used() + strtoull(megabytes, NULL, 10) * 1024 * 1024;
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

int main(int argc, char **argv)
{
	CHECK(argc == 3 || argc == 4);
	etcd_v2_client *client;
	etcd_v2_queue *queue;
	etcd_v2_request *request;
	etcd_v2_options *options;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, argv[1], &error));
	CHECK_OK(etcd_v2_options_set_timeout_ms(options, 120000, &error));
	CHECK_OK(etcd_v2_client_new(options, &client, &error));
	etcd_v2_options_free(options);
	if (argc == 4) {
		limit_to(argv[2]);
		printf("%s\n", etcd_v2_status_name(ask(client, argv[3])));
		etcd_v2_client_free(client);
		return 0;
	}
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/a", &request, &error));

	limit_to(argv[2]);

	etcd_v2_response *answer = NULL;
	printf("%s\n", etcd_v2_status_name(etcd_v2_execute(client, request, &answer, NULL)));
	etcd_v2_response_free(answer);

	etcd_v2_completion *completion = NULL;
	CHECK_OK(etcd_v2_submit(client, request, queue, NULL, &error));
	CHECK_OK(etcd_v2_queue_next(queue, -1, &completion, &error));
	printf("%s\n", etcd_v2_status_name(etcd_v2_completion_status(completion)));
	etcd_v2_completion_free(completion);

	etcd_v2_request_free(request);
	etcd_v2_queue_free(queue);
	etcd_v2_client_free(client);
	return 0;
}
