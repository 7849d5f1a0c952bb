/*
 * In the loop of libuv: a watcher and submitted calls, by their descriptors, on the one thread of the host.
 *
 *     cc watch.c $(pkg-config --cflags --libs etcd_v2 libuv)
 *
 * Usage: watch [endpoints]     such as http://127.0.0.1:2379, the default
 */
#include <etcd_v2.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define CHANGES 5

struct host {
    etcd_v2_watcher *watcher;
    etcd_v2_queue *queue;
    uv_poll_t polls[2];
    int told, written;
    etcd_v2_error *error;
};

/* Takes all that is there; TIMEOUT is "nothing more for now". */
static void on_ready(uv_poll_t *poll, int broken, int ready) {
    struct host *host = poll->data;
    etcd_v2_event *event;
    etcd_v2_completion *completion;
    etcd_v2_status watching, writing;
    (void)broken, (void)ready;
    while ((watching = etcd_v2_watcher_next(host->watcher, 0, &event, NULL)) == ETCD_V2_OK) {
        printf("told: %s\n", etcd_v2_node_value(etcd_v2_event_node(event), NULL));
        host->told++;
        etcd_v2_event_free(event);
    }
    while ((writing = etcd_v2_queue_next(host->queue, 0, &completion, NULL)) == ETCD_V2_OK) {
        host->written += etcd_v2_completion_status(completion) == ETCD_V2_OK;
        etcd_v2_completion_free(completion);
    }
    bool done = host->told == CHANGES && host->written == CHANGES;
    if (done || watching != ETCD_V2_TIMEOUT || writing != ETCD_V2_TIMEOUT) uv_stop(poll->loop);
}

static void loop(struct host *host, const int fds[2]) {
    uv_loop_t loop;
    if (uv_loop_init(&loop) != 0) abort();
    for (int i = 0; i < 2; i++) {
        uv_poll_init(&loop, &host->polls[i], fds[i]);
        host->polls[i].data = host;
        uv_poll_start(&host->polls[i], UV_READABLE, on_ready);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    /* before watcher and queue are freed, whose descriptors are in it */
    for (int i = 0; i < 2; i++) uv_close((uv_handle_t *)&host->polls[i], NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    printf("%d told, %d written\n", host->told, host->written);
}

static etcd_v2_status run(const etcd_v2_client *client, struct host *host) {
    etcd_v2_watch_options *options = NULL;
    etcd_v2_request *request = NULL;
    etcd_v2_response *answer;
    int fds[2];
    etcd_v2_error **err = &host->error;
    /* the watch begins after this write */
    etcd_v2_status status = etcd_v2_set(client, "/example-libuv", "0", 0, &answer, err);
    if (status != ETCD_V2_OK) return status;
    uint64_t start = etcd_v2_node_modified_index(etcd_v2_response_node(answer)) + 1;
    etcd_v2_response_free(answer);
    status = etcd_v2_watch_options_new(&options, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watch_options_set_start_index(options, start, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watch(client, "/example-libuv", options, &host->watcher, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watcher_fd(host->watcher, &fds[0], err);
    if (status == ETCD_V2_OK) status = etcd_v2_queue_new(&host->queue, err);
    if (status == ETCD_V2_OK) status = etcd_v2_queue_fd(host->queue, &fds[1], err);
    if (status == ETCD_V2_OK) status = etcd_v2_request_new(ETCD_V2_OP_SET, "/example-libuv", &request, err);
    if (status == ETCD_V2_OK) status = etcd_v2_request_set_value(request, "again", 5, err);
    for (int i = 0; status == ETCD_V2_OK && i < CHANGES; i++)
        status = etcd_v2_submit(client, request, host->queue, NULL, err);
    if (status == ETCD_V2_OK) loop(host, fds);
    etcd_v2_request_free(request);
    etcd_v2_watch_options_free(options);
    return status;
}

int main(int argc, char **argv) {
    struct host host = {0};
    etcd_v2_client *client;
    etcd_v2_status status = etcd_v2_client_open(argc > 1 ? argv[1] : NULL, &client, &host.error);
    if (status == ETCD_V2_OK) status = run(client, &host);
    if (status != ETCD_V2_OK) fprintf(stderr, "%s\n", etcd_v2_error_message(host.error));
    etcd_v2_error_free(host.error);
    etcd_v2_watcher_free(host.watcher);
    etcd_v2_queue_free(host.queue);
    etcd_v2_client_free(client);
    return status == ETCD_V2_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
