/* Reads one key so many times: get URL COUNT. `make bench` counts its instructions. */
#include <etcd_v2.h>

#include <stdio.h>
#include <stdlib.h>

static int fail(etcd_v2_error *error) {
    fprintf(stderr, "%s\n", etcd_v2_error_message(error));
    etcd_v2_error_free(error);
    return 1;
}

int main(int argc, char **argv) {
    etcd_v2_client *client = NULL;
    etcd_v2_error *error = NULL;
    size_t bytes = 0;
    long i, count = argc > 2 ? atol(argv[2]) : 1;
    if (etcd_v2_client_open(argc > 1 ? argv[1] : NULL, &client, &error) != ETCD_V2_OK) return fail(error);
    if (etcd_v2_set(client, "/bench/key", "a value of some twenty", 0, NULL, &error) != ETCD_V2_OK) return fail(error);
    for (i = 0; i < count; i++) {
        etcd_v2_response *answer = NULL;
        size_t length = 0;
        if (etcd_v2_get(client, "/bench/key", 0, &answer, &error) != ETCD_V2_OK) return fail(error);
        if (etcd_v2_node_value(etcd_v2_response_node(answer), &length)) bytes += length;
        etcd_v2_response_free(answer);
    }
    etcd_v2_client_free(client);
    printf("%ld reads, %zu bytes\n", count, bytes);
    return 0;
}
