/* watch. */
#include "etcd2ctl.h"

static const flag watch_flags[] = {
    {"forever", "f", BOOL, "forever watch a key until CTRL+C"},
    {"after-index", NULL, INT, "watch after the given index"},
    {"recursive", "r", BOOL, "returns all values for key and child keys"},
    END_OF_FLAGS,
};

/* What happens to directories is not told. */
static bool show(const call *c, const etcd_v2_event *change) {
    const etcd_v2_response *answer = etcd_v2_event_response(change);
    const etcd_v2_node *node = etcd_v2_event_node(change);
    if (node == NULL || etcd_v2_node_is_dir(node)) return false;
    if (flag_on(c->own, "recursive")) printf("[%s] %s\n", etcd_v2_response_action(answer), etcd_v2_node_key(node, NULL));
    print_response(answer, output_format(c));
    fflush(stdout);
    return true;
}

static int watch_run(const call *c) {
    follower f = {NULL, NULL, -1, -1};
    etcd_v2_event *change = NULL;
    int code = session_open(c, true, &f.client);
    if (code == DONE && c->count == 0) code = report_words("key required", BAD_ARGUMENTS);
    if (code == DONE) code = follow_begin(&f, c, c->arguments[0]);
    for (bool more = true; code == DONE && more;) {
        code = follow_next(&f, &change);
        more = change != NULL && (!show(c, change) || flag_on(c->own, "forever"));
        etcd_v2_event_free(change);
    }
    follow_end(&f);
    return code;
}

const command watch_command = {"watch", "watch a key for changes", "<key>", watch_flags, watch_run, NULL};
