/* Answers and errors as etcdctl prints them. */
#include "etcd2ctl.h"
#include <ctype.h>
#include <string.h>

/* As Go writes JSON, which may stand in HTML. */
static void print_json_text(const char *bytes, size_t length) {
    putchar('"');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        /* U+2028 and U+2029 */
        bool separator = length - i > 2 && memcmp(bytes + i, "\xe2\x80", 2) == 0
                         && ((unsigned char)bytes[i + 2] | 1) == 0xa9;
        if (c == '"' || c == '\\') printf("\\%c", c);
        else if (c == '\n') fputs("\\n", stdout);
        else if (c == '\r') fputs("\\r", stdout);
        else if (c == '\t') fputs("\\t", stdout);
        else if (c < 0x20 || c == '<' || c == '>' || c == '&') printf("\\u%04x", c);
        else if (separator) printf("\\u202%c", (bytes[i += 2] & 1) + '8');
        else putchar(c);
    }
    putchar('"');
}

/* etcd leaves out the key of the root, so etcdctl prints none. */
const char *key_told(const etcd_v2_node *node) {
    const char *key = etcd_v2_node_key(node, NULL);
    return strcmp(key, "/") != 0 ? key : "";
}

static void print_json_node(const etcd_v2_node *node) {
    size_t length, count = etcd_v2_node_child_count(node);
    const char *value = etcd_v2_node_value(node, &length);
    int64_t ttl;
    if (node == NULL) {
        fputs("null", stdout);
        return;
    }
    fputs("{\"key\":", stdout);
    print_json_text(key_told(node), strlen(key_told(node)));
    if (etcd_v2_node_is_dir(node)) fputs(",\"dir\":true", stdout);
    fputs(",\"value\":", stdout);
    print_json_text(value != NULL ? value : "", length);
    fputs(",\"nodes\":", stdout);
    if (count == 0) fputs("null", stdout);
    for (size_t i = 0; i < count; i++) {
        putchar(i == 0 ? '[' : ',');
        print_json_node(etcd_v2_node_child_at(node, i));
    }
    if (count > 0) putchar(']');
    printf(",\"createdIndex\":%" PRIu64 ",\"modifiedIndex\":%" PRIu64, etcd_v2_node_created_index(node),
           etcd_v2_node_modified_index(node));
    if (etcd_v2_node_expiration(node) != NULL) printf(",\"expiration\":\"%s\"", etcd_v2_node_expiration(node));
    if (etcd_v2_node_ttl(node, &ttl) && ttl != 0) printf(",\"ttl\":%" PRId64, ttl);
    putchar('}');
}

static void print_json(const etcd_v2_response *answer) {
    fputs("{\"action\":", stdout);
    print_json_text(etcd_v2_response_action(answer), strlen(etcd_v2_response_action(answer)));
    fputs(",\"node\":", stdout);
    print_json_node(etcd_v2_response_node(answer));
    fputs(",\"prevNode\":", stdout);
    print_json_node(etcd_v2_response_prev_node(answer));
    puts("}");
}

/* A value may contain NULs. */
void print_node_value(const etcd_v2_node *node) {
    size_t length;
    const char *value = etcd_v2_node_value(node, &length);
    if (value != NULL) fwrite(value, 1, length, stdout);
    putchar('\n');
}

static void print_prev_value(const etcd_v2_response *answer) {
    fputs("PrevNode.Value: ", stdout);
    print_node_value(etcd_v2_response_prev_node(answer));
}

static void print_extended(const etcd_v2_response *answer, bool deleted) {
    const etcd_v2_node *node = etcd_v2_response_node(answer);
    int64_t ttl;
    etcd_v2_node_ttl(node, &ttl);
    printf("Key: %s\n", key_told(node));
    printf("Created-Index: %" PRIu64 "\n", etcd_v2_node_created_index(node));
    printf("Modified-Index: %" PRIu64 "\n", etcd_v2_node_modified_index(node));
    if (etcd_v2_response_prev_node(answer) != NULL) print_prev_value(answer);
    printf("TTL: %" PRId64 "\n", ttl);
    printf("Index: %" PRIu64 "\n", etcd_v2_response_etcd_index(answer));
    if (deleted) return;
    putchar('\n');
    print_node_value(node);
}

void print_response(const etcd_v2_response *answer, const char *format) {
    bool deleted = etcd_v2_response_action_code(answer) == ETCD_V2_ACTION_DELETE;
    if (strcmp(format, "json") == 0) print_json(answer);
    else if (strcmp(format, "extended") == 0) print_extended(answer, deleted);
    else if (strcmp(format, "simple") != 0) fprintf(stderr, "Unsupported output format: %s\n", format);
    else if (deleted) print_prev_value(answer);
    else print_node_value(etcd_v2_response_node(answer));
}

void print_doubt(const etcd_v2_error *error) {
    if (!etcd_v2_error_is_outcome_unknown(error)) return;
    fputs("The outcome is unknown: it may have been applied, or may still be.\n", stderr);
}

/* In etcd's own form when it is etcd that refuses: "100: Key not found (/nope) [7]". */
static void print_words(const etcd_v2_error *error) {
    uint32_t code = etcd_v2_error_etcd_code(error);
    if (code == 0 || etcd_v2_error_status(error) == ETCD_V2_OUTCOME_UNKNOWN) {
        fprintf(stderr, "%s\n", etcd_v2_error_message(error));
        return;
    }
    fprintf(stderr, "%" PRIu32 ": %s (%s) [%" PRIu64 "]\n", code, etcd_v2_error_etcd_message(error),
            etcd_v2_error_cause(error), etcd_v2_error_etcd_index(error));
}

void print_reason(const etcd_v2_error *error) {
    print_words(error);
    print_doubt(error);
}

int report(etcd_v2_error *error, int code) {
    const char *endpoint, *text;
    fputs("Error:  ", stderr);
    print_reason(error);
    for (size_t i = 0; etcd_v2_error_attempt_at(error, i, &endpoint, NULL, &text, NULL); i++) {
        fprintf(stderr, "error #%zu: %s: %s\n", i, endpoint, text);
    }
    etcd_v2_error_free(error);
    return code;
}

int report_words(const char *words, int code) {
    fprintf(stderr, "Error:  %s\n", words);
    return code;
}
