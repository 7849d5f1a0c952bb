/* A watcher that goes on until Ctrl-C: both are waited for with poll(). */
#include "etcd2ctl.h"
#include <errno.h>
#include <poll.h>

/* A watcher tries for ever; whoever starts one wants to hear that nobody is there. */
static etcd_v2_status somebody_answers(const etcd_v2_client *client, etcd_v2_error **err) {
    etcd_v2_request *request = NULL;
    etcd_v2_status status = etcd_v2_request_new_raw("GET", "/version", NULL, 0, NULL, &request, err);
    if (status == ETCD_V2_OK) status = etcd_v2_execute(client, request, NULL, err);
    etcd_v2_request_free(request);
    return status;
}

static etcd_v2_status start(follower *f, const call *c, const char *key, etcd_v2_error **err) {
    etcd_v2_watch_options *options = NULL;
    int64_t after = flag_number(c->own, "after-index", 0);
    text clean = {NULL, 0, 0};
    etcd_v2_status status = etcd_v2_watch_options_new(&options, err);
    if (status == ETCD_V2_OK) {
        status = etcd_v2_watch_options_set_recursive(options, flag_on(c->own, "recursive"), err);
    }
    if (status == ETCD_V2_OK && after != 0) {
        status = etcd_v2_watch_options_set_start_index(options, (uint64_t)after + 1, err);
    }
    /* whoever asks for what etcd has forgotten is told so */
    if (status == ETCD_V2_OK) status = etcd_v2_watch_options_set_on_lost(options, ETCD_V2_ON_LOST_FAIL, err);
    key_clean(&clean, key);
    if (status == ETCD_V2_OK) status = etcd_v2_watch(f->client, clean.bytes, options, &f->watcher, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watcher_fd(f->watcher, &f->changed, err);
    text_free(&clean);
    etcd_v2_watch_options_free(options);
    return status;
}

int follow_begin(follower *f, const call *c, const char *key) {
    etcd_v2_error *error;
    etcd_v2_status status = somebody_answers(f->client, &error);
    f->interrupted = interrupt_catch(false);
    if (status == ETCD_V2_OK) status = start(f, c, key, &error);
    return status == ETCD_V2_OK ? DONE : report(error, SERVER_ERROR);
}

int follow_next(follower *f, etcd_v2_event **change) {
    struct pollfd either[2] = {{f->changed, POLLIN, 0}, {f->interrupted, POLLIN, 0}};
    *change = NULL;
    while (poll(either, 2, -1) < 0) {
        if (errno != EINTR) return report_words("cannot wait", SERVER_ERROR);
    }
    if (either[1].revents != 0) return DONE;
    etcd_v2_error *error;
    etcd_v2_status status = etcd_v2_watcher_next(f->watcher, -1, change, &error);
    return status == ETCD_V2_OK ? DONE : report(error, SERVER_ERROR);
}

void follow_end(follower *f) {
    etcd_v2_watcher_free(f->watcher);
    etcd_v2_client_free(f->client);
}
