/*
 * Watch in an event loop: the descriptor of a watcher beside those of the host.
 *
 * Usage: 06-watch-epoll [endpoints]     such as http://127.0.0.1:2379, the default
 */
#include <etcd_v2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CHANGES 5

/* Takes all that is there; returns how many. */
static int take(const etcd_v2_watcher *watcher, etcd_v2_status *status, etcd_v2_error **err) {
    etcd_v2_event *event;
    int taken = 0;
    while ((*status = etcd_v2_watcher_next(watcher, 0, &event, err)) == ETCD_V2_OK) {
        const etcd_v2_node *node = etcd_v2_event_node(event);
        if (etcd_v2_event_kind(event) == ETCD_V2_EVENT_CHANGE)
            printf("%s %s = %s\n", etcd_v2_response_action(etcd_v2_event_response(event)),
                   etcd_v2_node_key(node, NULL), etcd_v2_node_value(node, NULL));
        etcd_v2_event_free(event);
        taken++;
    }
    if (*status == ETCD_V2_TIMEOUT) { /* nothing more for now */
        etcd_v2_error_free(*err);
        *err = NULL;
        *status = ETCD_V2_OK;
    }
    return taken;
}

static etcd_v2_status loop(const etcd_v2_watcher *watcher, etcd_v2_error **err) {
    struct epoll_event wanted = {.events = EPOLLIN}, ready;
    int fd, poll, seen = 0;
    etcd_v2_status status = etcd_v2_watcher_fd(watcher, &fd, err);
    if (status != ETCD_V2_OK) return status;
    if ((poll = epoll_create1(EPOLL_CLOEXEC)) < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, fd, &wanted) != 0) abort();
    while (status == ETCD_V2_OK && seen < CHANGES)
        if (epoll_wait(poll, &ready, 1, -1) > 0) seen += take(watcher, &status, err);
    close(poll); /* before the watcher is freed, whose descriptor is in it */
    return status;
}

static etcd_v2_status run(const etcd_v2_client *client, etcd_v2_error **err) {
    etcd_v2_watch_options *options = NULL;
    etcd_v2_watcher *watcher = NULL;
    etcd_v2_response *answer;
    uint64_t start;
    etcd_v2_status status = etcd_v2_set(client, "/example-epoll", "0", 0, &answer, err);
    if (status != ETCD_V2_OK) return status;
    start = etcd_v2_node_modified_index(etcd_v2_response_node(answer)) + 1;
    etcd_v2_response_free(answer);

    /* from the index after the one that was read: what happens until the watcher is live is not missed */
    status = etcd_v2_watch_options_new(&options, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watch_options_set_start_index(options, start, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watch(client, "/example-epoll", options, &watcher, err);
    for (int i = 1; status == ETCD_V2_OK && i <= CHANGES; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        status = etcd_v2_set(client, "/example-epoll", value, 0, NULL, err);
    }
    if (status == ETCD_V2_OK) status = loop(watcher, err);
    etcd_v2_watcher_free(watcher);
    etcd_v2_watch_options_free(options);
    return status;
}

int main(int argc, char **argv) {
    etcd_v2_client *client;
    etcd_v2_error *error;
    etcd_v2_status status = etcd_v2_client_open(argc > 1 ? argv[1] : NULL, &client, &error);
    if (status == ETCD_V2_OK) status = run(client, &error);
    if (status != ETCD_V2_OK) {
        fprintf(stderr, "%s: %s\n", etcd_v2_status_name(status), etcd_v2_error_message(error));
        etcd_v2_error_free(error);
    }
    etcd_v2_client_free(client);
    return status == ETCD_V2_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
