/*
 * Many sets: 10,000 from one thread, with 256 on their way at a time.
 *
 * Usage: 09-many-sets [endpoints]     such as http://127.0.0.1:2379, the default
 */
#include <etcd_v2.h>
#include <stdio.h>
#include <stdlib.h>

#define SETS 10000
#define WINDOW 256

static etcd_v2_status submit(const etcd_v2_client *client, const etcd_v2_queue *queue, int number,
                             etcd_v2_error **err) {
    etcd_v2_request *request;
    char key[40], value[16];
    int length = snprintf(value, sizeof value, "%d", number);
    snprintf(key, sizeof key, "/example-many/%d", number % 1000);
    etcd_v2_status status = etcd_v2_request_new(ETCD_V2_OP_SET, key, &request, err);
    if (status != ETCD_V2_OK) return status;
    status = etcd_v2_request_set_value(request, value, (size_t)length, err);
    /* the number comes back with the completion */
    if (status == ETCD_V2_OK) status = etcd_v2_submit(client, request, queue, (void *)(intptr_t)number, err);
    etcd_v2_request_free(request);
    return status;
}

static etcd_v2_status run(const etcd_v2_client *client, const etcd_v2_queue *queue, etcd_v2_error **err) {
    long sum = 0;
    int submitted = 0, failed = 0;
    etcd_v2_status status;
    /* fail early, and with a reason, when nobody answers */
    if ((status = etcd_v2_set_dir(client, "/example-many", 0, NULL, err)) != ETCD_V2_OK) return status;
    for (int done = 0; done < SETS; done++) {
        etcd_v2_completion *completion;
        while (submitted < SETS && submitted < done + WINDOW)
            if ((status = submit(client, queue, submitted++, err)) != ETCD_V2_OK) return status;
        if ((status = etcd_v2_queue_next(queue, -1, &completion, err)) != ETCD_V2_OK) return status;
        sum += (intptr_t)etcd_v2_completion_user(completion);
        if (etcd_v2_completion_status(completion) != ETCD_V2_OK && failed++ == 0)
            fprintf(stderr, "%s\n", etcd_v2_error_message(etcd_v2_completion_error(completion)));
        etcd_v2_completion_free(completion);
    }
    printf("%d sets, %d failed; the sum of their numbers is %ld\n", SETS, failed, sum);
    return etcd_v2_delete(client, "/example-many", ETCD_V2_RECURSIVE, NULL, err);
}

int main(int argc, char **argv) {
    etcd_v2_client *client = NULL;
    etcd_v2_queue *queue = NULL;
    etcd_v2_error *error;
    etcd_v2_status status = etcd_v2_client_open(argc > 1 ? argv[1] : NULL, &client, &error);
    if (status == ETCD_V2_OK) status = etcd_v2_queue_new(&queue, &error);
    if (status == ETCD_V2_OK) status = run(client, queue, &error);
    if (status != ETCD_V2_OK) {
        fprintf(stderr, "%s: %s\n", etcd_v2_status_name(status), etcd_v2_error_message(error));
        etcd_v2_error_free(error);
    }
    etcd_v2_client_free(client); /* ends what is still on its way; the queue may go before or after */
    etcd_v2_queue_free(queue);
    return status == ETCD_V2_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
