/*
 * The library is closed while watchers and calls of it are alive, and its thread runs on.
 * Arguments: path of the library, endpoint, one that never answers. Linked without the library.
 */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "etcd_v2.h"

enum { ROUNDS = 100, WATCHERS = 100 };

#define CHECK(condition)                                                            \
	do {                                                                        \
		if (!(condition)) {                                                 \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                                    \
		}                                                                   \
	} while (0)

static etcd_v2_status (*client_open)(const char *, etcd_v2_client **, etcd_v2_error **);
static void (*client_free)(etcd_v2_client *);
static etcd_v2_status (*watch)(const etcd_v2_client *, const char *, const etcd_v2_watch_options *,
			       etcd_v2_watcher **, etcd_v2_error **);
static int32_t (*watcher_state)(const etcd_v2_watcher *);
static void (*watcher_free)(etcd_v2_watcher *);
static etcd_v2_status (*request_new)(int32_t, const char *, etcd_v2_request **, etcd_v2_error **);
static etcd_v2_status (*submit_callback)(const etcd_v2_client *, const etcd_v2_request *, etcd_v2_completion_fn,
					 void *, void (*)(void *), etcd_v2_error **);
static void (*request_free)(etcd_v2_request *);

static int told, let_go;

static void on_end(const etcd_v2_completion *completion, void *user)
{
	CHECK(completion != NULL && user == &told);
	__atomic_add_fetch(&told, 1, __ATOMIC_SEQ_CST);
}

static void on_free(void *user)
{
	CHECK(user == &told);
	__atomic_add_fetch(&let_go, 1, __ATOMIC_SEQ_CST);
}

static void find(void *library, void *function, const char *name)
{
	*(void **)function = dlsym(library, name);
	CHECK(*(void **)function != NULL);
}

int main(int count, char **arguments)
{
	CHECK(count == 4);
	for (int i = 0; i < ROUNDS; i++) {
		etcd_v2_client *client, *mute;
		etcd_v2_watcher *watchers[WATCHERS];
		etcd_v2_request *request;
		void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
		if (library == NULL)
			fprintf(stderr, "%s\n", dlerror());
		CHECK(library != NULL);
		find(library, &client_open, "etcd_v2_client_open");
		find(library, &client_free, "etcd_v2_client_free");
		find(library, &watch, "etcd_v2_watch");
		find(library, &watcher_state, "etcd_v2_watcher_state");
		find(library, &watcher_free, "etcd_v2_watcher_free");
		find(library, &request_new, "etcd_v2_request_new");
		find(library, &submit_callback, "etcd_v2_submit_callback");
		find(library, &request_free, "etcd_v2_request_free");
		CHECK(client_open(arguments[2], &client, NULL) == ETCD_V2_OK);
		CHECK(client_open(arguments[3], &mute, NULL) == ETCD_V2_OK);
		for (int w = 0; w < WATCHERS; w++)
			CHECK(watch(client, w % 10 ? "/dlopen" : "/dlopen/too", NULL, &watchers[w], NULL) == ETCD_V2_OK);
		CHECK(request_new(ETCD_V2_OP_GET, "/dlopen", &request, NULL) == ETCD_V2_OK);
		CHECK(submit_callback(mute, request, on_end, &told, on_free, NULL) == ETCD_V2_OK);
		for (int w = 0; i % 2 && w < WATCHERS; w++)
			while (watcher_state(watchers[w]) != ETCD_V2_WATCHER_LIVE)
				usleep(1000);
		CHECK(dlclose(library) == 0);
		/* its code is still there, for its threads and for us */
		for (int w = 0; w < WATCHERS; w++) {
			CHECK(watcher_state(watchers[w]) > 0);
			watcher_free(watchers[w]);
		}
		request_free(request);
		client_free(mute);
		CHECK(told == i + 1 && let_go == i + 1);
		client_free(client);
	}
	puts("fine");
	return 0;
}
