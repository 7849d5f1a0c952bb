/* What the keys_*.c programs share. Arguments: URL of a server, its version ("3.4" or "3.5"). */

#ifndef KEYS_H
#define KEYS_H

#include "check.h"

#include <stdarg.h>
#include <time.h>

static const char *url;
static etcd_v2_client *client;
static bool is_34; /* else 3.5 */

/* Of the last call that was given OUT. */
static etcd_v2_response *answer;

static inline etcd_v2_response **fresh_answer(void)
{
	etcd_v2_response_free(answer);
	answer = NULL;
	return &answer;
}

#define OUT fresh_answer()
#define ERR (&error)
#define NODE etcd_v2_response_node(answer)
#define PREV etcd_v2_response_prev_node(answer)

static inline void begin(int argc, char **argv)
{
	CHECK(argc >= 3);
	url = argv[1];
	is_34 = strcmp(argv[2], "3.4") == 0;
	CHECK(is_34 || strcmp(argv[2], "3.5") == 0);
	client = patient_client(url);
}

static inline int finish(void)
{
	etcd_v2_response_free(answer);
	etcd_v2_client_free(client);
	return check_done();
}

/* Text that stays until fifteen more were made. */
static inline const char *text(const char *format, ...)
{
	static char texts[16][512];
	static int next;
	char *out = texts[next++ % 16];
	va_list arguments;
	va_start(arguments, format);
	CHECK(vsnprintf(out, sizeof texts[0], format, arguments) < (int)sizeof texts[0]);
	va_end(arguments);
	return out;
}

/* `length` times `c`, to be freed. */
static inline char *many(char c, size_t length)
{
	char *out = malloc(length + 1);
	CHECK(out != NULL);
	memset(out, c, length);
	out[length] = '\0';
	return out;
}

/* Index of the store now. */
static inline uint64_t store_index(void)
{
	etcd_v2_response *root;
	CHECK_OK(etcd_v2_get(client, "/", 0, &root, ERR));
	uint64_t index = etcd_v2_response_etcd_index(root);
	etcd_v2_response_free(root);
	CHECK(index > 0);
	return index;
}

/* Writes a value and tells the index. */
static inline uint64_t put(const char *key, const char *value)
{
	CHECK_OK(etcd_v2_set(client, key, value, 0, OUT, ERR));
	return etcd_v2_node_modified_index(NODE);
}

static inline void sleep_ms(long ms)
{
	struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&pause, NULL);
}

static inline int64_t monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The time that this thread had a core. */
static inline int64_t thread_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* A new server still writes the version of its cluster, by which its index moves once more. */
static inline void until_index_rests(void)
{
	const char *decided = is_34 ? "\"etcdcluster\":\"3.4.0\"" : "\"etcdcluster\":\"3.5.0\"";
	etcd_v2_request *version;
	CHECK_OK(etcd_v2_request_new_raw("GET", "/version", NULL, 0, NULL, &version, ERR));
	for (int64_t end = monotonic_ns() + 120000000000; ; sleep_ms(5)) {
		CHECK_OK(etcd_v2_execute(client, version, OUT, ERR));
		if (strstr(etcd_v2_response_body(answer, NULL), decided) != NULL)
			break;
		CHECK(monotonic_ns() < end);
	}
	etcd_v2_request_free(version);
	fresh_answer();
}

/* A file has a value, a directory has none. */
static inline void check_node(const etcd_v2_node *node, const char *key, const char *value, bool dir, const char *file,
			      int line)
{
	check_that(node != NULL, file, line, "node");
	check_text(etcd_v2_node_key(node, NULL), key, file, line, "key");
	check_text(etcd_v2_node_value(node, NULL), value, file, line, "value");
	check_int(etcd_v2_node_is_dir(node), dir, file, line, "is_dir");
}

#define CHECK_FILE(node, key, value) check_node((node), (key), (value), false, __FILE__, __LINE__)
#define CHECK_DIR(node, key) check_node((node), (key), NULL, true, __FILE__, __LINE__)

/* The key holds that value now. */
#define CHECK_VALUE(key, value) (CHECK_OK(etcd_v2_get(client, (key), 0, OUT, ERR)), CHECK_FILE(NODE, (key), (value)))

/* What etcd refused, and how. `cause` NULL: not looked at. */
static inline void check_refused(uint32_t code, int http, const char *cause, const char *file, int line)
{
	check_that(error != NULL, file, line, "error");
	check_int(etcd_v2_error_status(error), (int)code, file, line, "status");
	check_int(etcd_v2_error_etcd_code(error), code, file, line, "etcd_code");
	check_int(etcd_v2_error_http_status(error), http, file, line, "http_status");
	if (cause != NULL)
		check_text(etcd_v2_error_cause(error), cause, file, line, "cause");
	check_text(etcd_v2_error_endpoint(error), url, file, line, "endpoint");
	check_int(etcd_v2_error_is_outcome_unknown(error), false, file, line, "outcome_unknown");
}

#define CHECK_REFUSED(code, http, cause) check_refused((code), (http), (cause), __FILE__, __LINE__)

#endif
