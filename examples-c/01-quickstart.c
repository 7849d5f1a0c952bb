/*
 * Set, get, watch, delete: one key from its first value to its end.
 *
 * Usage: 01-quickstart [endpoints]     such as http://127.0.0.1:2379, the default
 */
#include <etcd_v2.h>
#include <stdio.h>
#include <stdlib.h>

static const char KEY[] = "/example-quickstart";

static void show(const char *what, const etcd_v2_node *node) {
    const char *value = etcd_v2_node_value(node, NULL); /* borrowed, as the key: never freed */
    printf("%s %s = %s\n", what, etcd_v2_node_key(node, NULL), value != NULL ? value : "(no value)");
}

/* Every step can fail; the first that does ends the run, and its error goes up to main. */
static etcd_v2_status run(const etcd_v2_client *client, etcd_v2_error **err) {
    etcd_v2_response *answer;
    etcd_v2_status status;
    uint64_t index;

    status = etcd_v2_set(client, KEY, "hello", 0, &answer, err);
    if (status != ETCD_V2_OK) return status;
    show("set:   ", etcd_v2_response_node(answer));
    index = etcd_v2_node_modified_index(etcd_v2_response_node(answer));
    etcd_v2_response_free(answer);

    status = etcd_v2_get(client, KEY, 0, &answer, err);
    if (status != ETCD_V2_OK) return status;
    show("get:   ", etcd_v2_response_node(answer));
    etcd_v2_response_free(answer);

    /* Somebody changes the key; who does not care for the answer gives NULL. */
    status = etcd_v2_set(client, KEY, "hello again", 0, NULL, err);
    if (status != ETCD_V2_OK) return status;

    /* Wait for the first change after the one we know: it has happened, so it comes at once. */
    status = etcd_v2_watch_once(client, KEY, index + 1, 0, 5000, &answer, err);
    if (status != ETCD_V2_OK) return status;
    show("watch: ", etcd_v2_response_node(answer));
    etcd_v2_response_free(answer);

    status = etcd_v2_delete(client, KEY, 0, &answer, err);
    if (status != ETCD_V2_OK) return status;
    show("delete:", etcd_v2_response_prev_node(answer));
    etcd_v2_response_free(answer);

    /* A status says what went wrong: a key that is not there is an answer here, not an accident. */
    status = etcd_v2_get(client, KEY, 0, NULL, NULL);
    if (status == ETCD_V2_OK) printf("get:    %s is still there\n", KEY);
    else printf("get:    %s\n", etcd_v2_status_text(status));
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
