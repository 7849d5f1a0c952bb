/* From flags and environment to a client. */
#include "etcd2ctl.h"
#include <stdlib.h>
#include <string.h>

/* A flag, else a variable of the environment, else "". */
static const char *setting(const call *c, const char *flag, const char *variable) {
    const char *word = flag_text(c->global, flag);
    if (*word == '\0') word = getenv(variable);
    return word != NULL ? word : "";
}

static const char *endpoints_of(const call *c) {
    const char *word = setting(c, "endpoints", "ETCDCTL_ENDPOINTS");
    if (*word == '\0') word = setting(c, "endpoint", "ETCDCTL_ENDPOINT");
    if (*word == '\0') word = setting(c, "peers", "ETCDCTL_PEERS");
    return *word != '\0' ? word : "http://127.0.0.1:2379,http://127.0.0.1:4001";
}

static int64_t milliseconds(int64_t nanoseconds) {
    int64_t ms = nanoseconds / 1000000 + (nanoseconds % 1000000 > 0);
    return ms < INT32_MAX ? ms : INT32_MAX;
}

static int64_t total_timeout(const call *c) {
    return flag_number(c->global, "total-timeout", INT64_C(5000000000));
}

bool session_is_over(const call *c) { return total_timeout(c) <= 0; }

const char *output_format(const call *c) {
    return flag_value(c->global, "output")->form != NULL ? flag_text(c->global, "output") : "simple";
}

static etcd_v2_status add_endpoints(etcd_v2_options *options, const char *list, etcd_v2_error **err) {
    etcd_v2_status status = ETCD_V2_OK;
    text one = {NULL, 0, 0};
    for (bool more = true; more && status == ETCD_V2_OK; one.length = 0) {
        size_t length = strcspn(list, ",");
        text_add(&one, list, length);
        status = etcd_v2_options_add_endpoint(options, one.bytes, err);
        more = list[length] == ',';
        list += length + more;
    }
    text_free(&one);
    return status;
}

static etcd_v2_status fill(etcd_v2_options *options, const call *c, etcd_v2_error **err) {
    int64_t total = milliseconds(total_timeout(c)), one = milliseconds(flag_number(c->global, "timeout", INT64_C(2000000000)));
    etcd_v2_status status = add_endpoints(options, endpoints_of(c), err);
    if (status == ETCD_V2_OK && total > 0) status = etcd_v2_options_set_deadline_ms(options, total, err);
    /* none set means none, which is then the deadline's business */
    if (status == ETCD_V2_OK) status = etcd_v2_options_set_connect_timeout_ms(options, one > 0 ? one : INT32_MAX, err);
    return status;
}

int session_open(const call *c, bool sync, etcd_v2_client **out) {
    etcd_v2_options *options = NULL;
    etcd_v2_error *error = NULL;
    etcd_v2_status status = etcd_v2_options_new(&options, &error);
    (void)sync;
    *out = NULL;
    if (status == ETCD_V2_OK) status = fill(options, c, &error);
    if (status == ETCD_V2_OK) status = etcd_v2_client_new(options, out, &error);
    etcd_v2_options_free(options);
    if (status != ETCD_V2_OK) {
        print_reason(error);
        etcd_v2_error_free(error);
        return BAD_ARGUMENTS;
    }
    return DONE;
}
