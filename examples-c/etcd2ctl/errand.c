/* One request about a key: errand_begin(), what it needs, errand_run(), errand_end(). */
#include "etcd2ctl.h"
#include <string.h>

static int judged(etcd_v2_status status, etcd_v2_error *const *error) {
    return status == ETCD_V2_OK ? DONE : report(*error, SERVER_ERROR);
}

int errand_begin(errand *e, const call *c, int32_t operation) {
    etcd_v2_error *error;
    text key = {NULL, 0, 0};
    *e = (errand){NULL, NULL, NULL};
    int code = session_open(c, true, &e->client);
    if (code != DONE) return code;
    if (c->count == 0) return report_words("key required", BAD_ARGUMENTS);
    key_clean(&key, c->arguments[0]);
    code = judged(etcd_v2_request_new(operation, key.bytes, &e->request, &error), &error);
    text_free(&key);
    return code;
}

int errand_value(errand *e, const call *c) {
    etcd_v2_error *error;
    text value = {NULL, 0, 0};
    if (c->count > 1) text_put(&value, c->arguments[1]);
    else if (!text_read_all(&value) || value.length == 0) {
        text_free(&value);
        return report_words("value required", BAD_ARGUMENTS);
    }
    int code = judged(etcd_v2_request_set_value(e->request, value.bytes, value.length, &error), &error);
    text_free(&value);
    return code;
}

int errand_ttl(errand *e, const call *c) {
    etcd_v2_error *error;
    int64_t ttl = flag_number(c->own, "ttl", 0);
    return ttl > 0 ? judged(etcd_v2_request_set_ttl(e->request, ttl, &error), &error) : DONE;
}

int errand_flags(errand *e, uint32_t flags) {
    etcd_v2_error *error;
    return judged(etcd_v2_request_set_flags(e->request, flags, &error), &error);
}

int errand_conditions(errand *e, const char *prev_value, int64_t prev_index) {
    etcd_v2_error *error;
    etcd_v2_status status = ETCD_V2_OK;
    if (*prev_value != '\0') status = etcd_v2_request_set_prev_value(e->request, prev_value, strlen(prev_value), &error);
    if (status == ETCD_V2_OK && prev_index != 0) {
        status = etcd_v2_request_set_prev_index(e->request, (uint64_t)prev_index, &error);
    }
    return judged(status, &error);
}

int errand_run(errand *e, const call *c) {
    etcd_v2_error *error;
    if (session_is_over(c)) return report_words("context deadline exceeded", SERVER_ERROR);
    return judged(etcd_v2_execute(e->client, e->request, &e->answer, &error), &error);
}

int errand_end(errand *e, int code) {
    etcd_v2_response_free(e->answer);
    etcd_v2_request_free(e->request);
    etcd_v2_client_free(e->client);
    return code;
}
