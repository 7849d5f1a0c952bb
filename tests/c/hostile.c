/*
 * Asks servers that mean no good, many at a time, and tells what became of each call.
 *
 *   hostile THREADS FILE
 *
 * Each line of FILE is a call: VERB DEADLINE_MS MAX_RESPONSE_BYTES ENDPOINTS KEY. Each line of the output is its end:
 * status, outcome unknown, HTTP status, code of etcd, index, milliseconds, microseconds of freeing, nodes, key or message,
 * separated by tabs. The last line tells the largest memory of the process in KiB.
 */
#include "check.h"

#include <ctype.h>
#include <inttypes.h>
#include <pthread.h>
#include <time.h>

struct job {
	char verb[32], endpoints[512], key[256];
	long long deadline_ms;
	unsigned long long max_response_bytes;
	etcd_v2_status status;
	bool unknown;
	int32_t http_status;
	uint32_t etcd_code;
	uint64_t index;
	long long ms, free_us;
	size_t nodes;
	char text[1024];
};

static struct job *jobs;
static size_t count, next;

/* CLOCK_MONOTONIC, or the time of this thread on a core. */
static long long now_us(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Reads all there is, so that a checker sees every byte. */
static size_t walk(const etcd_v2_node *node)
{
	if (node == NULL)
		return 0;
	size_t length = 7, nodes = 1, children = etcd_v2_node_child_count(node);
	CHECK(etcd_v2_node_key(node, NULL) != NULL);
	const char *value = etcd_v2_node_value(node, &length);
	CHECK(value == NULL ? length == 0 : value[length] == '\0');
	for (size_t i = 0; i < children; i++) {
		CHECK(etcd_v2_node_child_at(node, i) != NULL);
		nodes += walk(etcd_v2_node_child_at(node, i));
	}
	CHECK(etcd_v2_node_child_at(node, children) == NULL);
	return nodes;
}

static etcd_v2_status call(const struct job *job, const etcd_v2_client *client, etcd_v2_response **o,
			   etcd_v2_error **e)
{
	const char *verb = job->verb, *key = job->key;
	if (strcmp(verb, "get") == 0)
		return etcd_v2_get(client, key, ETCD_V2_RECURSIVE, o, e);
	if (strcmp(verb, "set") == 0)
		return etcd_v2_set(client, key, "a value", 0, o, e);
	if (strcmp(verb, "create") == 0)
		return etcd_v2_create(client, key, "a value", 0, o, e);
	if (strcmp(verb, "post") == 0)
		return etcd_v2_create_in_order(client, key, "a value", 0, o, e);
	if (strcmp(verb, "delete") == 0)
		return etcd_v2_delete(client, key, 0, o, e);
	if (strcmp(verb, "watch") == 0)
		return etcd_v2_watch_once(client, key, 10, 0, ETCD_V2_TIMEOUT_DEFAULT, o, e);
	fprintf(stderr, "no verb: %s\n", verb);
	exit(2);
}

/* The same, submitted: the completion has response and error. */
static etcd_v2_status submit(const char *verb, const char *key, const etcd_v2_client *client,
			     etcd_v2_completion **completion)
{
	bool reads = strcmp(verb, "get") == 0;
	etcd_v2_request *request;
	etcd_v2_queue *queue;
	CHECK(reads || strcmp(verb, "set") == 0);
	if (etcd_v2_request_new(reads ? ETCD_V2_OP_GET : ETCD_V2_OP_SET, key, &request, NULL) != ETCD_V2_OK ||
	    etcd_v2_queue_new(&queue, NULL) != ETCD_V2_OK)
		exit(2);
	if (reads)
		CHECK_INT(etcd_v2_request_set_flags(request, ETCD_V2_RECURSIVE, NULL), ETCD_V2_OK);
	else
		CHECK_INT(etcd_v2_request_set_value(request, "a value", strlen("a value"), NULL), ETCD_V2_OK);
	CHECK_INT(etcd_v2_submit(client, request, queue, NULL, NULL), ETCD_V2_OK);
	CHECK_INT(etcd_v2_queue_next(queue, -1, completion, NULL), ETCD_V2_OK);
	etcd_v2_request_free(request);
	etcd_v2_queue_free(queue);
	return etcd_v2_completion_status(*completion);
}

/* What must be true of every error. */
static void look_at(struct job *job, const etcd_v2_error *e)
{
	CHECK_INT(etcd_v2_error_status(e), job->status);
	const char *message = etcd_v2_error_message(e);
	CHECK(message != NULL && message[0] != '\0');
	for (const char *c = message; *c != '\0'; c++)
		CHECK(!iscntrl((unsigned char)*c));
	CHECK(etcd_v2_error_cause(e) != NULL);
	size_t length = 7, attempts = etcd_v2_error_attempt_count(e);
	const char *body = etcd_v2_error_body(e, &length);
	CHECK(body != NULL && body[length] == '\0' && length <= 4096);
	for (size_t i = 0; i < attempts; i++) {
		const char *endpoint, *text;
		int32_t phase;
		int64_t duration_ms;
		CHECK(etcd_v2_error_attempt_at(e, i, &endpoint, &phase, &text, &duration_ms));
		CHECK(strlen(endpoint) > 0 && strlen(text) > 0 && duration_ms >= 0);
		CHECK(phase >= ETCD_V2_PHASE_RESOLVE && phase <= ETCD_V2_PHASE_BODY);
		for (const char *c = text; *c != '\0'; c++)
			CHECK(!iscntrl((unsigned char)*c));
	}
	job->unknown = etcd_v2_error_is_outcome_unknown(e);
	job->http_status = etcd_v2_error_http_status(e);
	job->etcd_code = etcd_v2_error_etcd_code(e);
	job->index = etcd_v2_error_etcd_index(e);
	snprintf(job->text, sizeof job->text, "%s", message);
}

static void run(struct job *job)
{
	etcd_v2_options *options;
	etcd_v2_client *client;
	etcd_v2_response *own_response = NULL;
	etcd_v2_error *own_error = NULL;
	etcd_v2_completion *completion = NULL;
	if (etcd_v2_options_new(&options, NULL) != ETCD_V2_OK)
		exit(2);
	if (etcd_v2_options_add_endpoint(options, job->endpoints, NULL) != ETCD_V2_OK ||
	    etcd_v2_options_set_timeout_ms(options, job->deadline_ms, NULL) != ETCD_V2_OK)
		exit(2);
	if (job->max_response_bytes != 0 &&
	    etcd_v2_options_set_max_response_bytes(options, job->max_response_bytes, NULL) != ETCD_V2_OK)
		exit(2);
	if (etcd_v2_client_new(options, &client, NULL) != ETCD_V2_OK)
		exit(2);
	etcd_v2_options_free(options);

	long long before = now_us(CLOCK_MONOTONIC);
	if (strncmp(job->verb, "submitted-", strlen("submitted-")) == 0)
		job->status = submit(job->verb + strlen("submitted-"), job->key, client, &completion);
	else
		job->status = call(job, client, &own_response, &own_error);
	job->ms = (now_us(CLOCK_MONOTONIC) - before) / 1000;
	etcd_v2_client_free(client);
	const etcd_v2_response *response = own_response;
	const etcd_v2_error *e = own_error;
	if (completion != NULL) {
		response = etcd_v2_completion_response(completion);
		e = etcd_v2_completion_error(completion);
	}
	CHECK((job->status == ETCD_V2_OK) == (e == NULL));
	CHECK((job->status == ETCD_V2_OK) == (response != NULL));
	if (e != NULL) {
		look_at(job, e);
	} else {
		const etcd_v2_node *node = etcd_v2_response_node(response);
		CHECK(node != NULL);
		job->nodes = walk(node);
		walk(etcd_v2_response_prev_node(response));
		job->http_status = etcd_v2_response_http_status(response);
		job->index = etcd_v2_response_etcd_index(response);
		CHECK(strlen(etcd_v2_response_action(response)) > 0);
		snprintf(job->text, sizeof job->text, "%s", etcd_v2_node_key(node, NULL));
	}
	before = now_us(CLOCK_THREAD_CPUTIME_ID);
	etcd_v2_response_free(own_response);
	etcd_v2_completion_free(completion);
	job->free_us = now_us(CLOCK_THREAD_CPUTIME_ID) - before;
	etcd_v2_error_free(own_error);
}

static void *work(void *unused)
{
	(void)unused;
	for (;;) {
		size_t i = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
		if (i >= count)
			return NULL;
		run(&jobs[i]);
	}
}

static void read_jobs(const char *path)
{
	FILE *file = fopen(path, "r");
	if (file == NULL)
		exit(2);
	size_t room = 0;
	struct job job;
	memset(&job, 0, sizeof job);
	while (fscanf(file, "%31s %lld %llu %511s %255s", job.verb, &job.deadline_ms, &job.max_response_bytes,
		      job.endpoints, job.key) == 5) {
		if (count == room) {
			room = room * 2 + 16;
			jobs = realloc(jobs, room * sizeof *jobs);
			if (jobs == NULL)
				exit(2);
		}
		jobs[count++] = job;
	}
	fclose(file);
}

// KiB; getrusage would count what the process that started this one had
static long most_memory(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	long kib = -1;
	while (status && fgets(line, sizeof line, status))
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	read_jobs(argv[2]);
	pthread_t threads[64];
	size_t n = (size_t)atoi(argv[1]);
	for (size_t i = 0; i < n && i < 64; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			return 2;
	for (size_t i = 0; i < n && i < 64; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < count; i++) {
		const struct job *j = &jobs[i];
		printf("%s\t%d\t%" PRId32 "\t%" PRIu32 "\t%" PRIu64 "\t%lld\t%lld\t%zu\t%s\n",
		       j->status == ETCD_V2_OK ? "OK" : etcd_v2_status_name(j->status) + strlen("ETCD_V2_"),
		       j->unknown, j->http_status, j->etcd_code, j->index, j->ms, j->free_us, j->nodes, j->text);
	}
	free(jobs);
	printf("%ld\n", most_memory());
	return 0;
}
