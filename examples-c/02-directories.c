/*
 * Directories: make them, list them as a tree, let etcd name children in order, remove them.
 *
 * Usage: 02-directories [endpoints]     such as http://127.0.0.1:2379, the default
 */
#include <etcd_v2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The last segment of a key. */
static const char *name(const etcd_v2_node *node) {
    return strrchr(etcd_v2_node_key(node, NULL), '/') + 1;
}

/* Nodes form a tree; all of it belongs to the response. */
static void show(const etcd_v2_node *node, int depth) {
    size_t i, count = etcd_v2_node_child_count(node);
    if (etcd_v2_node_is_dir(node)) printf("%*s%s/\n", 2 * depth, "", name(node));
    else printf("%*s%s = %s\n", 2 * depth, "", name(node), etcd_v2_node_value(node, NULL));
    for (i = 0; i < count; i++) show(etcd_v2_node_child_at(node, i), depth + 1);
}

static etcd_v2_status make(const etcd_v2_client *client, etcd_v2_error **err) {
    /* Parents that are missing come by themselves. */
    etcd_v2_status status = etcd_v2_create_dir(client, "/example-dirs/empty", 0, NULL, err);
    if (status != ETCD_V2_OK) return status;
    return etcd_v2_set(client, "/example-dirs/app/db/host", "10.0.0.7", 0, NULL, err);
}

static etcd_v2_status list(const etcd_v2_client *client, etcd_v2_error **err) {
    etcd_v2_response *answer;
    etcd_v2_status status =
        etcd_v2_get(client, "/example-dirs", ETCD_V2_RECURSIVE | ETCD_V2_SORTED, &answer, err);
    if (status != ETCD_V2_OK) return status;
    show(etcd_v2_response_node(answer), 0);
    etcd_v2_response_free(answer);
    return ETCD_V2_OK;
}

/* A queue: etcd names each child by its index, so sorted order is the order in which they came. */
static etcd_v2_status queue(const etcd_v2_client *client, etcd_v2_error **err) {
    static const char *const jobs[] = {"wash", "rinse", "dry"};
    etcd_v2_response *answer;
    etcd_v2_status status;
    size_t i;

    for (i = 0; i < 3; i++) {
        status = etcd_v2_create_in_order(client, "/example-dirs/jobs", jobs[i], 60, NULL, err);
        if (status != ETCD_V2_OK) return status;
    }
    status = etcd_v2_get(client, "/example-dirs/jobs", ETCD_V2_SORTED, &answer, err);
    if (status != ETCD_V2_OK) return status;
    for (i = 0; i < etcd_v2_node_child_count(etcd_v2_response_node(answer)); i++) {
        const etcd_v2_node *job = etcd_v2_node_child_at(etcd_v2_response_node(answer), i);
        printf("job %d: %s\n", (int)i + 1, etcd_v2_node_value(job, NULL));
    }
    etcd_v2_response_free(answer);
    return ETCD_V2_OK;
}

/* A directory that is not empty goes only when the whole subtree is meant. */
static etcd_v2_status clean(const etcd_v2_client *client, etcd_v2_error **err) {
    etcd_v2_status status;
    if ((status = etcd_v2_delete(client, "/example-dirs/empty", ETCD_V2_DIR, NULL, err)) != ETCD_V2_OK) return status;
    printf("empty: removed\n");
    status = etcd_v2_delete(client, "/example-dirs", ETCD_V2_DIR, NULL, NULL);
    printf("example-dirs: %s\n", etcd_v2_status_text(status));
    status = etcd_v2_delete(client, "/example-dirs", ETCD_V2_RECURSIVE, NULL, err);
    if (status == ETCD_V2_OK) printf("example-dirs: removed\n");
    return status;
}

int main(int argc, char **argv) {
    etcd_v2_client *client;
    etcd_v2_error *error;
    etcd_v2_status status;

    status = etcd_v2_client_open(argc > 1 ? argv[1] : NULL, &client, &error);
    if (status == ETCD_V2_OK) status = make(client, &error);
    if (status == ETCD_V2_OK) status = list(client, &error);
    if (status == ETCD_V2_OK) status = queue(client, &error);
    if (status == ETCD_V2_OK) status = clean(client, &error);
    if (status != ETCD_V2_OK) {
        fprintf(stderr, "%s: %s\n", etcd_v2_status_name(status), etcd_v2_error_message(error));
        etcd_v2_error_free(error);
    }
    etcd_v2_client_free(client);
    return status == ETCD_V2_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
