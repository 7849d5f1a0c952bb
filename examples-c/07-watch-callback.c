/*
 * Watch by callback: the library's thread tells each change as it comes.
 *
 * Usage: 07-watch-callback [endpoints]     such as http://127.0.0.1:2379, the default
 */
#include <etcd_v2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct sum {
    pthread_mutex_t lock;
    pthread_cond_t progress;
    int live, count, total;
} sum;

/* On the thread of the client: quick, and nothing that waits for another event. */
static void on_event(const etcd_v2_event *event, void *user) {
    sum *s = user;
    const char *value = etcd_v2_node_value(etcd_v2_event_node(event), NULL); /* good until this returns */
    pthread_mutex_lock(&s->lock);
    s->count++;
    s->total += value != NULL ? atoi(value) : 0;
    pthread_cond_signal(&s->progress);
    pthread_mutex_unlock(&s->lock);
}

static void on_state(int32_t state, const char *why, int32_t attempt, void *user) {
    sum *s = user;
    (void)why;
    (void)attempt;
    pthread_mutex_lock(&s->lock);
    s->live |= state == ETCD_V2_WATCHER_LIVE;
    pthread_cond_signal(&s->progress);
    pthread_mutex_unlock(&s->lock);
}

/* Once, when nothing can call back any more. */
static void let_go(void *user) {
    sum *s = user;
    printf("let go after %d events\n", s->count);
}

static void wait_for(sum *s, const int *number, int wanted) {
    pthread_mutex_lock(&s->lock);
    while (*number < wanted) pthread_cond_wait(&s->progress, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static etcd_v2_status run(const etcd_v2_client *client, sum *s, etcd_v2_error **err) {
    etcd_v2_watch_options *options = NULL;
    etcd_v2_watcher *watcher = NULL;
    etcd_v2_status status = etcd_v2_set_dir(client, "/example-callback", 0, NULL, err);
    if (status != ETCD_V2_OK) return status;
    status = etcd_v2_watch_options_new(&options, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watch_options_set_recursive(options, true, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watch_options_set_state_callback(options, on_state, s, NULL, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watch_options_set_callback(options, on_event, s, let_go, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watch(client, "/example-callback", options, &watcher, err);
    etcd_v2_watch_options_free(options); /* the watcher has what it needs */
    if (status == ETCD_V2_OK) wait_for(s, &s->live, 1);
    for (int i = 1; status == ETCD_V2_OK && i <= 10; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        status = etcd_v2_create_in_order(client, "/example-callback", value, 0, NULL, err);
    }
    if (status == ETCD_V2_OK) {
        wait_for(s, &s->count, 10);
        printf("the sum of what was told is %d\n", s->total);
    }
    etcd_v2_watcher_free(watcher); /* after this nothing is called */
    if (status == ETCD_V2_OK) status = etcd_v2_delete(client, "/example-callback", ETCD_V2_RECURSIVE, NULL, err);
    return status;
}

int main(int argc, char **argv) {
    sum s = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};
    etcd_v2_client *client;
    etcd_v2_error *error;
    etcd_v2_status status = etcd_v2_client_open(argc > 1 ? argv[1] : NULL, &client, &error);
    if (status == ETCD_V2_OK) status = run(client, &s, &error);
    if (status != ETCD_V2_OK) {
        fprintf(stderr, "%s: %s\n", etcd_v2_status_name(status), etcd_v2_error_message(error));
        etcd_v2_error_free(error);
    }
    etcd_v2_client_free(client);
    return status == ETCD_V2_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
