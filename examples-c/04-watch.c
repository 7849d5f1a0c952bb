/*
 * Watch: follow a directory without losing a change, until another thread ends the waiting.
 *
 * Usage: 04-watch [endpoints]     such as http://127.0.0.1:2379, the default
 */
#include <etcd_v2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define CHANGES 4

typedef struct follower {
    const etcd_v2_client *client; /* its calls end with a token */
    uint64_t next; /* the first index that was not seen yet */
    pthread_mutex_t lock;
    pthread_cond_t progress;
    int seen;  /* changes so far; under the lock, as the next one */
    int ended; /* whether the waiting is over */
} follower;

static void show(const etcd_v2_response *change) {
    const char *value = etcd_v2_node_value(etcd_v2_response_node(change), NULL);
    printf("%s %s", etcd_v2_response_action(change), etcd_v2_node_key(etcd_v2_response_node(change), NULL));
    if (value != NULL) printf(" = %s", value); /* what a deletion leaves has none */
    printf("\n");
}

static void tell(follower *f, int seen, int ended) {
    pthread_mutex_lock(&f->lock);
    f->seen += seen;
    f->ended |= ended;
    pthread_cond_signal(&f->progress);
    pthread_mutex_unlock(&f->lock);
}

static void *follow(void *argument) {
    follower *f = argument;
    etcd_v2_response *change;
    etcd_v2_error *error;
    etcd_v2_status status;

    /* Each wait begins one index after what was seen: what happened in between is not missed. */
    while ((status = etcd_v2_watch_once(f->client, "/example-watch", f->next, ETCD_V2_RECURSIVE,
                                        ETCD_V2_TIMEOUT_INFINITE, &change, &error)) == ETCD_V2_OK) {
        f->next = etcd_v2_node_modified_index(etcd_v2_response_node(change)) + 1;
        show(change);
        etcd_v2_response_free(change);
        tell(f, 1, 0);
    }
    if (status == ETCD_V2_CANCELLED) printf("cancelled\n");
    else fprintf(stderr, "%s: %s\n", etcd_v2_status_name(status), etcd_v2_error_message(error));
    etcd_v2_error_free(error);
    tell(f, 0, 1);
    return NULL;
}

static etcd_v2_status change(const etcd_v2_client *client, etcd_v2_error **err) {
    etcd_v2_status status;
    if ((status = etcd_v2_set(client, "/example-watch/a", "1", 0, NULL, err)) != ETCD_V2_OK) return status;
    if ((status = etcd_v2_update(client, "/example-watch/a", "2", 0, NULL, err)) != ETCD_V2_OK) return status;
    if ((status = etcd_v2_create(client, "/example-watch/b", "x", 0, NULL, err)) != ETCD_V2_OK) return status;
    return etcd_v2_delete(client, "/example-watch", ETCD_V2_RECURSIVE, NULL, err);
}

static etcd_v2_status run(const etcd_v2_client *client, etcd_v2_cancel_token *cancel, etcd_v2_error **err) {
    follower f = {NULL, 0, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    etcd_v2_client *following;
    etcd_v2_response *answer;
    etcd_v2_status status;
    pthread_t thread;

    /* From here on: the answer tells the index of the store, so the follower may even start late. */
    status = etcd_v2_create_dir(client, "/example-watch", 0, &answer, err);
    if (status != ETCD_V2_OK) return status;
    f.next = etcd_v2_response_etcd_index(answer) + 1;
    etcd_v2_response_free(answer);

    /* Another handle of the same client, whose calls the token ends. */
    status = etcd_v2_client_with(client, ETCD_V2_TIMEOUT_DEFAULT, cancel, &following, err);
    if (status != ETCD_V2_OK) return status;
    f.client = following;
    if (pthread_create(&thread, NULL, follow, &f) != 0) abort();
    status = change(client, err);
    pthread_mutex_lock(&f.lock);
    while (status == ETCD_V2_OK && f.seen < CHANGES && !f.ended) pthread_cond_wait(&f.progress, &f.lock);
    pthread_mutex_unlock(&f.lock);
    etcd_v2_cancel_token_cancel(cancel);
    pthread_join(thread, NULL);
    etcd_v2_client_free(following);
    return status;
}

int main(int argc, char **argv) {
    etcd_v2_client *client = NULL;
    etcd_v2_cancel_token *cancel;
    etcd_v2_error *error;
    etcd_v2_status status;

    status = etcd_v2_cancel_token_new(&cancel, &error);
    if (status == ETCD_V2_OK) status = etcd_v2_client_open(argc > 1 ? argv[1] : NULL, &client, &error);
    if (status == ETCD_V2_OK) status = run(client, cancel, &error);
    if (status != ETCD_V2_OK) {
        fprintf(stderr, "%s: %s\n", etcd_v2_status_name(status), etcd_v2_error_message(error));
        etcd_v2_error_free(error);
    }
    etcd_v2_client_free(client);
    etcd_v2_cancel_token_free(cancel);
    return status == ETCD_V2_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
