/* From flags and environment to a client. */
#include "etcd2ctl.h"
#include <string.h>

#define SECOND INT64_C(1000000000)

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
    return flag_number(c->global, "total-timeout", 5 * SECOND);
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

static etcd_v2_status set_limits(etcd_v2_options *options, const call *c, etcd_v2_error **err) {
    int64_t total = milliseconds(total_timeout(c)), one = milliseconds(flag_number(c->global, "timeout", 2 * SECOND));
    etcd_v2_status status = ETCD_V2_OK;
    if (total > 0) status = etcd_v2_options_set_timeout_ms(options, total, err);
    if (status != ETCD_V2_OK) return status;
    /* none set means none, which is then the deadline's business */
    return etcd_v2_options_set_connect_timeout_ms(options, one > 0 ? one : INT32_MAX, err);
}

/* Authority and own certificate; a certificate without a key, or the other way round, is for the library to refuse. */
static etcd_v2_status set_tls(etcd_v2_options *options, const call *c, etcd_v2_error **err) {
    const char *cert = setting(c, "cert-file", "ETCDCTL_CERT_FILE"), *key = setting(c, "key-file", "ETCDCTL_KEY_FILE");
    const char *authority = setting(c, "ca-file", "ETCDCTL_CA_FILE");
    etcd_v2_status status = ETCD_V2_OK;
    if (*authority != '\0') status = etcd_v2_options_set_ca_file(options, authority, err);
    if (status != ETCD_V2_OK || (*cert == '\0' && *key == '\0')) return status;
    return etcd_v2_options_set_client_cert_files(options, cert, key, err);
}

static void print_command(const char *command, void *user) {
    (void)user;
    fprintf(stderr, "cURL Command: %s\n", command);
}

static etcd_v2_status set_debug(etcd_v2_options *options, const call *c, etcd_v2_error **err) {
    if (!flag_on(c->global, "debug")) return ETCD_V2_OK;
    return etcd_v2_options_set_curl_callback(options, print_command, NULL, NULL, err);
}

static etcd_v2_status set_members(etcd_v2_options *options, const call *c, etcd_v2_error **err) {
    return discovery_wanted(c) ? discovery_set(options, c, err) : add_endpoints(options, endpoints_of(c), err);
}

static int judged(etcd_v2_status status, etcd_v2_error *const *error) {
    if (status == ETCD_V2_OK) return DONE;
    print_reason(*error);
    etcd_v2_error_free(*error);
    return BAD_ARGUMENTS;
}

/* "name:password", or the name alone, and the password is asked for. */
static int set_user(const etcd_v2_client *client, const char *word) {
    text name = {NULL, 0, 0}, password = {NULL, 0, 0};
    etcd_v2_error *error;
    const char *colon = strchr(word, ':');
    int code = DONE;
    text_add(&name, word, strcspn(word, ":"));
    if (colon != NULL) text_put(&password, colon + 1);
    else if (*word != '\0') code = ask_password("Password: ", &password);
    if (code == DONE && name.length > 0) {
        code = judged(etcd_v2_client_set_credentials(client, name.bytes, password.bytes, &error), &error);
    }
    text_free(&name);
    text_free(&password);
    return code;
}

/* Finds the other members; that nobody answers ends the command, everything else is the command's business. */
static int sync_members(const call *c, const etcd_v2_client *client) {
    etcd_v2_error *error;
    if (session_is_over(c)) return report_words("context deadline exceeded", BAD_CONNECTION);
    etcd_v2_status status = etcd_v2_sync(client, &error);
    if (status == ETCD_V2_UNREACHABLE || status == ETCD_V2_TIMEOUT) return report(error, BAD_CONNECTION);
    etcd_v2_error_free(error);
    return DONE;
}

int session_open(const call *c, bool sync, etcd_v2_client **out) {
    etcd_v2_options *options;
    etcd_v2_error *error;
    *out = NULL;
    int code = judged(etcd_v2_options_new(&options, &error), &error);
    if (code == DONE) code = judged(set_members(options, c, &error), &error);
    if (code == DONE) code = judged(set_tls(options, c, &error), &error);
    if (code == DONE) code = judged(set_debug(options, c, &error), &error);
    if (code == DONE) code = judged(set_limits(options, c, &error), &error);
    if (code == DONE) code = judged(etcd_v2_client_new(options, out, &error), &error);
    etcd_v2_options_free(options);
    if (code == DONE && discovery_wanted(c)) code = discovery_check(c, *out);
    if (code == DONE) code = set_user(*out, setting(c, "username", "ETCDCTL_USERNAME"));
    return code == DONE && sync && !flag_on(c->global, "no-sync") ? sync_members(c, *out) : code;
}
