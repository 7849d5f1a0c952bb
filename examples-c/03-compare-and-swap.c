/*
 * Compare and swap: change a key only if it still is what was read, by value or by index, so that
 * nobody's change is lost.
 *
 * Usage: 03-compare-and-swap [endpoints]     such as http://127.0.0.1:2379, the default
 */
#include <etcd_v2.h>
#include <stdio.h>
#include <stdlib.h>

static const char KEY[] = "/example-leader";

/* By value: hand over the key from one holder to the next. A lost race is an answer, not an error. */
static etcd_v2_status hand_over(const etcd_v2_client *client, const char *from, const char *to,
                                etcd_v2_error **err) {
    etcd_v2_error *error;
    etcd_v2_status status =
        etcd_v2_compare_and_swap(client, KEY, to, 0, from, 0, NULL, &error);
    if (status == ETCD_V2_COMPARE_FAILED) {
        /* The cause shows what was wanted and what is there. */
        printf("%s to %s: %s %s\n", from, to, etcd_v2_status_text(status), etcd_v2_error_cause(error));
        etcd_v2_error_free(error);
        return ETCD_V2_OK;
    }
    if (status == ETCD_V2_OK) printf("%s to %s: done\n", from, to);
    *err = error;
    return status;
}

/* By index: safe even if the value went away and came back in the meantime. */
static etcd_v2_status append(const etcd_v2_client *client, const char *more, etcd_v2_error **err) {
    for (;;) {
        etcd_v2_response *answer;
        const etcd_v2_node *node;
        etcd_v2_status status;
        char value[64];
        uint64_t index;

        status = etcd_v2_get(client, KEY, ETCD_V2_QUORUM, &answer, err);
        if (status != ETCD_V2_OK) return status;
        node = etcd_v2_response_node(answer);
        snprintf(value, sizeof value, "%s%s", etcd_v2_node_value(node, NULL), more);
        index = etcd_v2_node_modified_index(node);
        etcd_v2_response_free(answer);

        status = etcd_v2_compare_and_swap(client, KEY, value, 0, NULL, index, NULL, err);
        if (status == ETCD_V2_OK) printf("append: %s\n", value);
        if (status != ETCD_V2_COMPARE_FAILED) return status;
        etcd_v2_error_free(*err); /* somebody was faster: read and try again */
    }
}

static etcd_v2_status run(const etcd_v2_client *client, etcd_v2_error **err) {
    etcd_v2_status status;

    /* The first one wins: create fails where set would overwrite. */
    if ((status = etcd_v2_create(client, KEY, "anna", 0, NULL, err)) != ETCD_V2_OK) return status;
    printf("create: anna\n");
    status = etcd_v2_create(client, KEY, "ben", 0, NULL, NULL);
    printf("create: ben, %s\n", etcd_v2_status_text(status));

    if ((status = hand_over(client, "anna", "ben", err)) != ETCD_V2_OK) return status;
    if ((status = hand_over(client, "anna", "carl", err)) != ETCD_V2_OK) return status;
    if ((status = append(client, " the second", err)) != ETCD_V2_OK) return status;

    /* Remove it only if it is still ours. */
    status = etcd_v2_compare_and_delete(client, KEY, "anna", 0, NULL, NULL);
    printf("delete if anna: %s\n", etcd_v2_status_text(status));
    status = etcd_v2_compare_and_delete(client, KEY, "ben the second", 0, NULL, err);
    if (status == ETCD_V2_OK) printf("delete if ben the second: %s\n", etcd_v2_status_text(status));
    return status;
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
