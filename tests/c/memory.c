/*
 * Calls with little memory left, and a server that sends a lot.
 *
 *   memory URL MEGABYTES   says how a blocking and a submitted call ended
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

int main(int argc, char **argv)
{
	CHECK(argc == 3);
	etcd_v2_client *client;
	etcd_v2_queue *queue;
	etcd_v2_request *request;
	CHECK_OK(etcd_v2_client_open(argv[1], &client, &error));
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/a", &request, &error));
	CHECK_OK(etcd_v2_request_set_deadline_ms(request, 60000, &error));

	struct rlimit limit;
	CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
	limit.rlim_cur = used() + strtoull(argv[2], NULL, 10) * 1024 * 1024;
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);

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
