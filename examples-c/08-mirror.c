/*
 * Mirror: a directory in a table of one's own, first what is there, then every change.
 *
 * Usage: 08-mirror [endpoints]     such as http://127.0.0.1:2379, the default
 */
#include <etcd_v2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct table {
    char key[16][64], value[16][64];
    int count;
} table;

static int compare(const void *a, const void *b) { return strcmp(a, b); }

/* Whatever kind of event it is: a node with a value is there, one without is gone. */
static void apply(table *t, const etcd_v2_event *event) {
    const etcd_v2_node *node = etcd_v2_event_node(event);
    const char *key = etcd_v2_node_key(node, NULL), *value = etcd_v2_node_value(node, NULL);
    int i = 0;
    if (node == NULL || etcd_v2_node_is_dir(node)) return;
    while (i < t->count && strcmp(t->key[i], key) != 0) i++;
    if (value != NULL && i < 16) {
        snprintf(t->key[i], sizeof t->key[i], "%s", key);
        snprintf(t->value[i], sizeof t->value[i], "%s", value);
        if (i == t->count) t->count++;
    } else if (i < t->count) {
        t->count--;
        memmove(t->key[i], t->key[t->count], sizeof t->key[i]);
        memmove(t->value[i], t->value[t->count], sizeof t->value[i]);
    }
}

static void show(const table *t) {
    char lines[16][132];
    for (int i = 0; i < t->count; i++) snprintf(lines[i], sizeof lines[i], "%s = %s", t->key[i], t->value[i]);
    qsort(lines, (size_t)t->count, sizeof lines[0], compare);
    for (int i = 0; i < t->count; i++) printf("  %s\n", lines[i]);
}

/* Until the key is told with this value; without a key, until all that was there is told. */
static etcd_v2_status follow(const etcd_v2_watcher *watcher, table *t, const char *key, const char *value,
                             etcd_v2_error **err) {
    etcd_v2_event *event;
    etcd_v2_status status;
    for (int found = 0; !found; etcd_v2_event_free(event)) {
        if ((status = etcd_v2_watcher_next(watcher, 10000, &event, err)) != ETCD_V2_OK) return status;
        const etcd_v2_node *node = etcd_v2_event_node(event);
        const char *told = etcd_v2_node_value(node, NULL);
        apply(t, event);
        if (key == NULL) found = etcd_v2_event_kind(event) == ETCD_V2_EVENT_PROGRESS;
        else found = told != NULL && strcmp(etcd_v2_node_key(node, NULL), key) == 0 && strcmp(told, value) == 0;
    }
    return ETCD_V2_OK;
}

static etcd_v2_status run(const etcd_v2_client *client, etcd_v2_error **err) {
    table t = {.count = 0};
    etcd_v2_watch_options *options = NULL;
    etcd_v2_watcher *watcher = NULL;
    etcd_v2_status status;
    if ((status = etcd_v2_set(client, "/example-mirror/a", "1", 0, NULL, err)) != ETCD_V2_OK) return status;
    if ((status = etcd_v2_set(client, "/example-mirror/z", "2", 0, NULL, err)) != ETCD_V2_OK) return status;

    /* RESYNC begins with a snapshot and, if etcd ever loses its history, finds out what changed meanwhile */
    status = etcd_v2_watch_options_new(&options, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watch_options_set_recursive(options, true, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watch_options_set_on_lost(options, ETCD_V2_ON_LOST_RESYNC, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watch_options_set_progress(options, true, err);
    if (status == ETCD_V2_OK) status = etcd_v2_watch(client, "/example-mirror", options, &watcher, err);
    etcd_v2_watch_options_free(options);
    if (status == ETCD_V2_OK) status = follow(watcher, &t, NULL, NULL, err);
    if (status == ETCD_V2_OK) {
        printf("what was there:\n");
        show(&t);
        status = etcd_v2_set(client, "/example-mirror/m", "3", 0, NULL, err);
    }
    if (status == ETCD_V2_OK) status = etcd_v2_delete(client, "/example-mirror/a", 0, NULL, err);
    if (status == ETCD_V2_OK) status = etcd_v2_set(client, "/example-mirror/z", "4", 0, NULL, err);
    if (status == ETCD_V2_OK) status = follow(watcher, &t, "/example-mirror/z", "4", err);
    if (status == ETCD_V2_OK) {
        printf("after the changes:\n");
        show(&t);
        status = etcd_v2_delete(client, "/example-mirror", ETCD_V2_RECURSIVE, NULL, err);
    }
    etcd_v2_watcher_free(watcher);
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
