/*
 * A host that leaves SIGPIPE as it is: no server may end it.
 * Arguments: endpoint, calls of each kind, bytes of the value to write, deadline in milliseconds, threads, and the file of
 * the authority if there is one. Prints how many calls succeeded.
 */

#include "wait.h"

#include <pthread.h>
#include <signal.h>

enum { MOST_THREADS = 32 };

static const char *endpoint;
static const char *value, *ca_file;
static long calls, next_call, deadline_ms, successes;

static etcd_v2_request *request(int32_t operation)
{
	etcd_v2_error *error = NULL;
	etcd_v2_request *made;
	CHECK_OK(etcd_v2_request_new(operation, "/a", &made, &error));
	/* what matters happens at once; the rest is waiting before a second round */
	CHECK_OK(etcd_v2_request_set_timeout_ms(made, deadline_ms, &error));
	if (operation == ETCD_V2_OP_SET)
		CHECK_OK(etcd_v2_request_set_value(made, value, strlen(value), &error));
	return made;
}

static void *work(void *argument)
{
	etcd_v2_error *error = NULL;
	etcd_v2_client *client;
	etcd_v2_options *options;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, endpoint, &error));
	if (ca_file != NULL)
		CHECK_OK(etcd_v2_options_set_ca_file(options, ca_file, &error));
	CHECK_OK(etcd_v2_client_new(options, &client, &error));
	etcd_v2_options_free(options);
	etcd_v2_request *kinds[2] = {request(ETCD_V2_OP_GET), request(ETCD_V2_OP_SET)};
	while (__atomic_fetch_add(&next_call, 1, __ATOMIC_RELAXED) < calls)
		for (int k = 0; k < 2; k++) {
			etcd_v2_response *answer;
			if (etcd_v2_execute(client, kinds[k], &answer, &error) == ETCD_V2_OK) {
				CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(answer), NULL), "1");
				__atomic_fetch_add(&successes, 1, __ATOMIC_RELAXED);
			} else {
				CHECK(answer == NULL && error != NULL);
				CHECK(etcd_v2_error_status(error) != ETCD_V2_INTERNAL);
			}
			etcd_v2_response_free(answer);
			etcd_v2_error_free(error);
		}
	etcd_v2_request_free(kinds[0]);
	etcd_v2_request_free(kinds[1]);
	etcd_v2_client_free(client);
	return argument;
}

int main(int count, char **arguments)
{
	CHECK(count == 6 || count == 7);
	CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	endpoint = arguments[1];
	ca_file = count == 7 ? arguments[6] : NULL;
	calls = strtol(arguments[2], NULL, 10);
	deadline_ms = strtol(arguments[4], NULL, 10);
	size_t length = (size_t)strtol(arguments[3], NULL, 10);
	char *text = malloc(length + 1);
	CHECK(text != NULL);
	memset(text, 'x', length);
	text[length] = '\0';
	value = text;
	int count_threads = atoi(arguments[5]);
	CHECK(count_threads > 0 && count_threads <= MOST_THREADS);
	pthread_t threads[MOST_THREADS];
	for (int t = 0; t < count_threads; t++)
		CHECK(pthread_create(&threads[t], NULL, work, NULL) == 0);
	for (int t = 0; t < count_threads; t++)
		CHECK(pthread_join(threads[t], NULL) == 0);
	free(text);
	/* the library changed nothing for the host, either */
	struct sigaction action;
	CHECK(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
	sigset_t blocked;
	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0 && !sigismember(&blocked, SIGPIPE));
	printf("%ld\n", successes);
	return 0;
}
