/*
 * Listens to what a client does: lines of the log, the commands that would repeat its requests, how long they took, and
 * what it has counted in the end. One of its two members is not there.
 *
 *   11-diagnostics URL
 */
#include <etcd_v2.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int fail(etcd_v2_error *error) {
    fprintf(stderr, "%s\n", etcd_v2_error_message(error));
    etcd_v2_error_free(error);
    return 1;
}

/* May be called by several threads at once: what it shares would need a lock. */
static void on_line(int32_t level, const char *line, void *user) {
    (void)user;
    if (level <= ETCD_V2_LOG_WARN) printf("log: %s\n", line);
}

static void on_command(const char *command, void *user) {
    (void)user;
    /* with a password in the place of ***, a shell would do the same */
    printf("%.4s ... %s\n", command, strrchr(command, ' ') + 1);
}

static void on_trace(const etcd_v2_trace *trace, void *user) {
    int64_t connecting, waiting;
    (void)user;
    if (etcd_v2_trace_kind(trace) != ETCD_V2_TRACE_ATTEMPT || etcd_v2_trace_http_status(trace) == 0) return;
    connecting = etcd_v2_trace_time_ns(trace, ETCD_V2_PHASE_CONNECT);
    waiting = etcd_v2_trace_time_ns(trace, ETCD_V2_PHASE_HEAD);
    printf("connected in %" PRId64 " us, then waited %" PRId64 " us\n", connecting / 1000, waiting / 1000);
}

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "http://127.0.0.1:2379";
    etcd_v2_options *options;
    etcd_v2_client *client;
    etcd_v2_counters *counters;
    etcd_v2_error *error = NULL;
    size_t i;
    if (etcd_v2_options_new(&options, &error) != ETCD_V2_OK) return fail(error);
    if (etcd_v2_options_add_endpoint(options, "http://127.0.0.1:1", &error) != ETCD_V2_OK
        || etcd_v2_options_add_endpoint(options, url, &error) != ETCD_V2_OK
        || etcd_v2_options_set_log_callback(options, ETCD_V2_LOG_INFO, on_line, NULL, NULL, &error) != ETCD_V2_OK
        || etcd_v2_options_set_curl_callback(options, on_command, NULL, NULL, &error) != ETCD_V2_OK
        || etcd_v2_options_set_trace_callback(options, on_trace, NULL, NULL, &error) != ETCD_V2_OK
        || etcd_v2_client_new(options, &client, &error) != ETCD_V2_OK) {
        etcd_v2_options_free(options);
        return fail(error);
    }
    etcd_v2_options_free(options);
    if (etcd_v2_set(client, "/examples/diagnostics", "it's \"$5\"", 60, NULL, &error) != ETCD_V2_OK) return fail(error);

    if (etcd_v2_client_counters(client, &counters, &error) != ETCD_V2_OK) return fail(error);
    for (i = 0; i < etcd_v2_counters_count(counters); i++) {
        uint64_t value = etcd_v2_counters_at(counters, i);
        /* bytes differ from server to server */
        if (value > 0 && strncmp(etcd_v2_counter_name(i), "bytes", 5) != 0)
            printf("%s: %" PRIu64 "\n", etcd_v2_counter_name(i), value);
    }
    etcd_v2_counters_free(counters);
    etcd_v2_client_free(client);
    return 0;
}
