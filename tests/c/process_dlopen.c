/*
 * Opened and closed again and again, with a thread that used the library and ends only afterwards.
 * Arguments: path of the library, endpoint. Linked without the library.
 */

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "etcd_v2.h"

enum { ROUNDS = 100 };

#define CHECK(condition)                                                            \
	do {                                                                        \
		if (!(condition)) {                                                 \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                                    \
		}                                                                   \
	} while (0)

static etcd_v2_status (*client_open)(const char *, etcd_v2_client **, etcd_v2_error **);
static void (*client_free)(etcd_v2_client *);
static etcd_v2_status (*get)(const etcd_v2_client *, const char *, uint32_t, etcd_v2_response **, etcd_v2_error **);
static etcd_v2_status (*watch_once)(const etcd_v2_client *, const char *, uint64_t, uint32_t, int64_t,
				    etcd_v2_response **, etcd_v2_error **);
static void (*response_free)(etcd_v2_response *);
static void (*error_free)(etcd_v2_error *);

static etcd_v2_client *client;
static pthread_barrier_t used, unloaded;

static void use(void)
{
	etcd_v2_response *answer;
	etcd_v2_error *error;
	CHECK(get(client, "/a", 0, &answer, NULL) == ETCD_V2_OK);
	response_free(answer);
	CHECK(watch_once(client, "/a", 0, 0, 1, NULL, &error) != ETCD_V2_INTERNAL);
	error_free(error);
	CHECK(get(client, "nonsense", 0, NULL, &error) == ETCD_V2_INVALID_ARGUMENT);
	error_free(error);
}

static void *use_and_end(void *argument)
{
	use();
	return argument;
}

static void *outlive(void *argument)
{
	use();
	pthread_barrier_wait(&used);
	pthread_barrier_wait(&unloaded);
	/* what the library keeps per thread is destroyed now */
	return argument;
}

static void find(void *library, void *function, const char *name)
{
	*(void **)function = dlsym(library, name);
	CHECK(*(void **)function != NULL);
}

int main(int count, char **arguments)
{
	CHECK(count == 3);
	CHECK(pthread_barrier_init(&used, NULL, 2) == 0 && pthread_barrier_init(&unloaded, NULL, 2) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t thread;
		void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
		if (library == NULL)
			fprintf(stderr, "%s\n", dlerror());
		CHECK(library != NULL);
		find(library, &client_open, "etcd_v2_client_open");
		find(library, &client_free, "etcd_v2_client_free");
		find(library, &get, "etcd_v2_get");
		find(library, &watch_once, "etcd_v2_watch_once");
		find(library, &response_free, "etcd_v2_response_free");
		find(library, &error_free, "etcd_v2_error_free");
		CHECK(client_open(arguments[2], &client, NULL) == ETCD_V2_OK);
		/* never on this thread: what the library kept for it would keep the library, too */
		CHECK(pthread_create(&thread, NULL, use_and_end, NULL) == 0 && pthread_join(thread, NULL) == 0);
		CHECK(pthread_create(&thread, NULL, outlive, NULL) == 0);
		pthread_barrier_wait(&used);
		/* every other time the client is forgotten: its memory stays, its code does, too */
		if (i % 2)
			client_free(client);
		CHECK(dlclose(library) == 0);
		pthread_barrier_wait(&unloaded);
		CHECK(pthread_join(thread, NULL) == 0);
		/* it is never really unloaded */
		library = dlopen(arguments[1], RTLD_NOW | RTLD_NOLOAD);
		CHECK(library != NULL && dlclose(library) == 0);
	}
	puts("fine");
	return 0;
}
