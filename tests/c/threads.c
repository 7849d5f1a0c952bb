/*
 * Many threads, one client: every answer is right, nothing is lost, no more connections than threads.
 * Arguments: endpoint, threads, operations per thread, port whose connections are counted.
 */

#include "wait.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

enum { KEYS = 10, KINDS = 6 };

static const etcd_v2_client *client;
static long operations;

struct worker {
	pthread_t thread;
	int number;
	long acknowledged; /* increments of the counter */
	long posted;
	bool done;
};

static long node_number(const etcd_v2_response *answer)
{
	return strtol(etcd_v2_node_value(etcd_v2_response_node(answer), NULL), NULL, 10);
}

static void set_own(struct worker *me, long i, long *values)
{
	etcd_v2_error *error = NULL;
	etcd_v2_response *answer;
	char key[64], value[64];
	snprintf(key, sizeof key, "/threads/own/%d/%ld", me->number, i % KEYS);
	snprintf(value, sizeof value, "%ld of thread %d", i, me->number);
	CHECK_OK(etcd_v2_set(client, key, value, 0, &answer, &error));
	CHECK_TEXT(etcd_v2_node_key(etcd_v2_response_node(answer), NULL), key);
	CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(answer), NULL), value);
	values[i % KEYS] = i;
	etcd_v2_response_free(answer);
}

static void get_own(struct worker *me, long i, const long *values)
{
	etcd_v2_error *error = NULL;
	etcd_v2_response *answer;
	char key[64], value[64];
	snprintf(key, sizeof key, "/threads/own/%d/%ld", me->number, i % KEYS);
	if (values[i % KEYS] < 0) {
		CHECK_STATUS(etcd_v2_get(client, key, 0, NULL, &error), ETCD_V2_KEY_NOT_FOUND);
		CHECK(strncmp(etcd_v2_error_cause(error), "/threads/own", 12) == 0);
	} else {
		snprintf(value, sizeof value, "%ld of thread %d", values[i % KEYS], me->number);
		CHECK_OK(etcd_v2_get(client, key, 0, &answer, &error));
		CHECK_TEXT(etcd_v2_node_key(etcd_v2_response_node(answer), NULL), key);
		CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(answer), NULL), value);
		etcd_v2_response_free(answer);
	}
	etcd_v2_error_free(error);
}

/* One try to add 1; somebody else may be faster. */
static void increment(struct worker *me)
{
	etcd_v2_error *error = NULL;
	etcd_v2_response *answer;
	char next[32];
	CHECK_OK(etcd_v2_get(client, "/threads/counter", 0, &answer, &error));
	uint64_t index = etcd_v2_node_modified_index(etcd_v2_response_node(answer));
	snprintf(next, sizeof next, "%ld", node_number(answer) + 1);
	etcd_v2_response_free(answer);
	etcd_v2_status status =
		etcd_v2_compare_and_swap(client, "/threads/counter", next, 0, NULL, index, &answer, &error);
	if (status == ETCD_V2_OK) {
		CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(answer), NULL), next);
		me->acknowledged++;
	} else {
		CHECK_INT(status, ETCD_V2_COMPARE_FAILED);
		CHECK(answer == NULL);
		CHECK(etcd_v2_error_cause(error)[0] == '[');
	}
	etcd_v2_response_free(answer);
	etcd_v2_error_free(error);
}

static void create_and_delete(struct worker *me, long i)
{
	etcd_v2_error *error = NULL;
	char key[64];
	snprintf(key, sizeof key, "/threads/brief/%d-%ld", me->number, i);
	CHECK_OK(etcd_v2_create(client, key, "x", 0, NULL, &error));
	CHECK_STATUS(etcd_v2_create(client, key, "y", 0, NULL, &error), ETCD_V2_ALREADY_EXISTS);
	CHECK_OK(etcd_v2_delete(client, key, 0, NULL, &error));
	etcd_v2_error_free(error);
}

static void post(struct worker *me)
{
	etcd_v2_error *error = NULL;
	etcd_v2_response *answer;
	char value[32];
	snprintf(value, sizeof value, "%d", me->number);
	CHECK_OK(etcd_v2_create_in_order(client, "/threads/queue", value, 0, &answer, &error));
	CHECK(strncmp(etcd_v2_node_key(etcd_v2_response_node(answer), NULL), "/threads/queue/", 15) == 0);
	CHECK_INT(node_number(answer), me->number);
	me->posted++;
	etcd_v2_response_free(answer);
}

static void list_own(struct worker *me, const long *values)
{
	etcd_v2_error *error = NULL;
	etcd_v2_response *answer;
	char key[64];
	long present = 0;
	for (int k = 0; k < KEYS; k++)
		present += values[k] >= 0;
	snprintf(key, sizeof key, "/threads/own/%d", me->number);
	if (present > 0) {
		CHECK_OK(etcd_v2_get(client, key, ETCD_V2_RECURSIVE | ETCD_V2_SORTED, &answer, &error));
		const etcd_v2_node *node = etcd_v2_response_node(answer);
		CHECK(etcd_v2_node_is_dir(node));
		CHECK_INT(etcd_v2_node_child_count(node), present);
		for (size_t c = 0; c < (size_t)present; c++) {
			const etcd_v2_node *child = etcd_v2_node_child_at(node, c);
			long k = strtol(strrchr(etcd_v2_node_key(child, NULL), '/') + 1, NULL, 10);
			CHECK_INT(strtol(etcd_v2_node_value(child, NULL), NULL, 10), values[k]);
		}
		etcd_v2_response_free(answer);
	}
	etcd_v2_error_free(error);
}

static void *work(void *argument)
{
	struct worker *me = argument;
	long values[KEYS];
	for (int k = 0; k < KEYS; k++)
		values[k] = -1;
	/* each thread begins elsewhere, so that all kinds meet */
	for (long i = 0; i < operations; i++) {
		switch ((i + me->number) % KINDS) {
		case 0:
			set_own(me, i / KINDS, values);
			break;
		case 1:
			get_own(me, i / KINDS, values);
			break;
		case 2:
			increment(me);
			break;
		case 3:
			create_and_delete(me, i);
			break;
		case 4:
			post(me);
			break;
		default:
			list_own(me, values);
		}
	}
	__atomic_store_n(&me->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Descriptors of ours that are connected to this port. */
static int connections(int port)
{
	int count = 0;
	for (int fd = 3; fd < 256; fd++) {
		struct sockaddr_in peer;
		socklen_t size = sizeof peer;
		if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET)
			count += ntohs(peer.sin_port) == port;
	}
	return count;
}

static int run(const char *endpoint, int threads, int port)
{
	etcd_v2_client *own = patient_client(endpoint);
	etcd_v2_response *answer;
	client = own;
	CHECK_OK(etcd_v2_set(client, "/threads/counter", "0", 0, NULL, &error));
	struct worker *workers = calloc((size_t)threads, sizeof *workers);
	CHECK(workers != NULL);
#ifdef __SANITIZE_THREAD__
	long others = 2; /* the sanitizer has one, too */
#else
	long others = 1;
#endif
	int64_t started = now_ms();
	for (int t = 0; t < threads; t++) {
		workers[t].number = t;
		CHECK(pthread_create(&workers[t].thread, NULL, work, &workers[t]) == 0);
	}
	int most = 0;
	for (bool busy = true; busy;) {
		busy = false;
		for (int t = 0; t < threads; t++)
			busy |= !__atomic_load_n(&workers[t].done, __ATOMIC_SEQ_CST);
		/* the last look is after the end of all, when there are connections that rest */
		int n = connections(port);
		most = n > most ? n : most;
		CHECK(own_threads() <= others + threads);
		breathe();
	}
	long acknowledged = 0, posted = 0;
	for (int t = 0; t < threads; t++) {
		CHECK(pthread_join(workers[t].thread, NULL) == 0);
		acknowledged += workers[t].acknowledged;
		posted += workers[t].posted;
	}
	int64_t took = now_ms() - started;
	CHECK(most >= 1 && most <= threads);

	CHECK_OK(etcd_v2_get(client, "/threads/counter", ETCD_V2_QUORUM, &answer, &error));
	CHECK_INT(node_number(answer), acknowledged);
	etcd_v2_response_free(answer);
	CHECK_OK(etcd_v2_get(client, "/threads/queue", ETCD_V2_SORTED, &answer, &error));
	CHECK_INT(etcd_v2_node_child_count(etcd_v2_response_node(answer)), posted);
	etcd_v2_response_free(answer);
	CHECK_OK(etcd_v2_get(client, "/threads/brief", 0, &answer, &error));
	CHECK_INT(etcd_v2_node_child_count(etcd_v2_response_node(answer)), 0);
	etcd_v2_response_free(answer);
	printf("%d threads, %ld operations each: %lld ms, %d connections, counter %ld, queue %ld\n", threads, operations,
	       (long long)took, most, acknowledged, posted);
	free(workers);
	etcd_v2_client_free(own);
	CHECK_INT(connections(port), 0);
	return check_done();
}

#ifdef RACE
/* On purpose: whoever looks for data races must find this one. */
static long contested;

static void *touch(void *argument)
{
	for (int i = 0; i < 1000; i++)
		contested++;
	return argument;
}

static void race(void)
{
	pthread_t a, b;
	CHECK(pthread_create(&a, NULL, touch, NULL) == 0);
	CHECK(pthread_create(&b, NULL, touch, NULL) == 0);
	CHECK(pthread_join(a, NULL) == 0 && pthread_join(b, NULL) == 0);
	printf("contested %ld\n", contested);
}
#endif

int main(int count, char **arguments)
{
	CHECK(count == 5);
	operations = strtol(arguments[3], NULL, 10);
#ifdef RACE
	race();
#endif
	return run(arguments[1], atoi(arguments[2]), atoi(arguments[4]));
}
