/*
 * Threads: one client, shared. Eight threads count to the same number without losing a step.
 *
 * Usage: 05-threads [endpoints]     such as http://127.0.0.1:2379, the default
 */
#include <etcd_v2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 8
#define STEPS 5

static const char KEY[] = "/example-counter";

typedef struct worker {
    pthread_t thread;
    const etcd_v2_client *client; /* the same for all: needs no lock */
    etcd_v2_status status;
    etcd_v2_error *error; /* errors belong to the call, not to the thread: main may read it */
} worker;

/* One step: read, add, write if nobody was faster. */
static etcd_v2_status step(const etcd_v2_client *client, etcd_v2_error **err) {
    for (;;) {
        etcd_v2_response *answer;
        const etcd_v2_node *node;
        etcd_v2_status status;
        uint64_t index;
        char value[32];

        status = etcd_v2_get(client, KEY, 0, &answer, err);
        if (status != ETCD_V2_OK) return status;
        node = etcd_v2_response_node(answer);
        index = etcd_v2_node_modified_index(node);
        snprintf(value, sizeof value, "%d", atoi(etcd_v2_node_value(node, NULL)) + 1);
        etcd_v2_response_free(answer);

        status = etcd_v2_compare_and_swap(client, KEY, value, 0, NULL, index, NULL, err);
        if (status != ETCD_V2_COMPARE_FAILED) return status;
        etcd_v2_error_free(*err);
    }
}

static void *work(void *argument) {
    worker *w = argument;
    int i;
    for (i = 0; i < STEPS && w->status == ETCD_V2_OK; i++) w->status = step(w->client, &w->error);
    return NULL;
}

static etcd_v2_status run(const etcd_v2_client *client, etcd_v2_error **err) {
    worker workers[THREADS];
    etcd_v2_response *answer;
    etcd_v2_status status;
    int i;

    status = etcd_v2_set(client, KEY, "0", 0, NULL, err);
    if (status != ETCD_V2_OK) return status;
    for (i = 0; i < THREADS; i++) {
        workers[i].client = client;
        workers[i].status = ETCD_V2_OK;
        workers[i].error = NULL;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) abort();
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        if (status == ETCD_V2_OK) {
            status = workers[i].status;
            *err = workers[i].error; /* the first one is told, the others are freed */
        } else {
            etcd_v2_error_free(workers[i].error);
        }
    }
    if (status != ETCD_V2_OK) return status;

    status = etcd_v2_delete(client, KEY, 0, &answer, err);
    if (status != ETCD_V2_OK) return status;
    printf("%d threads took %d steps each: ", THREADS, STEPS);
    printf("%s\n", etcd_v2_node_value(etcd_v2_response_prev_node(answer), NULL));
    etcd_v2_response_free(answer);
    return ETCD_V2_OK;
}

int main(int argc, char **argv) {
    etcd_v2_client *client;
    etcd_v2_error *error;
    etcd_v2_status status;

    status = etcd_v2_client_open(argc > 1 ? argv[1] : NULL, &client, &error);
    if (status == ETCD_V2_OK) status = run(client, &error);
    if (status != ETCD_V2_OK) {
        fprintf(stderr, "%s: %s\n", etcd_v2_status_name(status), etcd_v2_error_message(error));
        etcd_v2_error_free(error);
    }
    etcd_v2_client_free(client);
    return status == ETCD_V2_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
