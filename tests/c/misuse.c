/*
 * Every function with NULL and garbage for every parameter, one at a time with the others valid.
 *
 *   misuse wrong URL          what must be refused: the server at URL must not hear of it
 *   misuse right URL PREFIX   the same calls with everything valid, and what may be NULL, on a real etcd
 *   misuse panic              only with ETCD_V2_TEST_HOOKS: a panic inside
 */
#include "check.h"

#include <ctype.h>
#include <limits.h>

#define LARGEST_FORM 10485760
#define LARGEST_TARGET 65000

/* What was in *out and *err before is overwritten, not freed. */
static char before;
#define BEFORE ((void *)&before)

/* Where nobody wants to hear why. */
static etcd_v2_error *unheard;

static etcd_v2_client *client;
static etcd_v2_cancel *token;

/* One line, and the parameter that is to blame before its first colon. */
static void check_message(const etcd_v2_error *e, const char *parameter, const char *file, int line)
{
	const char *message = etcd_v2_error_message(e);
	check_that(message != NULL && message[0] != '\0' && strlen(message) < 400, file, line, "a message of one line");
	for (const char *c = message; *c != '\0'; c++)
		check_that(!iscntrl((unsigned char)*c), file, line, message);
	const char *colon = strchr(message, ':');
	check_that(colon != NULL && colon > message, file, line, message);
	size_t told = (size_t)(colon - message);
	check_that(told == strlen(parameter) && strncmp(message, parameter, told) == 0, file, line, message);
}

/* What a refusal looks like, whoever refuses. */
static void check_refusal(etcd_v2_error *e, etcd_v2_status status, const char *parameter, const char *file,
			  int line)
{
	check_that(e != NULL && (const void *)e != BEFORE, file, line, "an error");
	check_status(etcd_v2_error_status(e), status, &e, file, line, "etcd_v2_error_status(e)");
	check_message(e, parameter, file, line);
	check_text(etcd_v2_error_cause(e), "", file, line, "etcd_v2_error_cause(e)");
	check_int(etcd_v2_error_etcd_code(e), 0, file, line, "etcd_v2_error_etcd_code(e)");
	check_int(etcd_v2_error_http_status(e), 0, file, line, "etcd_v2_error_http_status(e)");
	check_int((long long)etcd_v2_error_index(e), 0, file, line, "etcd_v2_error_index(e)");
	check_int(etcd_v2_error_is_retriable(e), 0, file, line, "etcd_v2_error_is_retriable(e)");
	check_int(etcd_v2_error_outcome_unknown(e), 0, file, line, "etcd_v2_error_outcome_unknown(e)");
	check_int((long long)etcd_v2_error_attempt_count(e), 0, file, line, "etcd_v2_error_attempt_count(e)");
	check_that(etcd_v2_error_endpoint(e) == NULL, file, line, "etcd_v2_error_endpoint(e) == NULL");
	check_that(etcd_v2_error_phase(e) == NULL, file, line, "etcd_v2_error_phase(e) == NULL");
	size_t length = 7;
	check_text(etcd_v2_error_body(e, &length), "", file, line, "etcd_v2_error_body(e)");
	check_int((long long)length, 0, file, line, "length of the body");
}

/* `call` takes `e` as its err; it is made twice, the second time nobody wants to hear why. */
#define REFUSED(status, parameter, call)                                                                       \
	do {                                                                                                   \
		etcd_v2_error *told = BEFORE, **e = &told;                                                     \
		check_status((call), (status), &told, __FILE__, __LINE__, #call);       \
		check_refusal(told, (status), (parameter), __FILE__, __LINE__);                                \
		etcd_v2_error_free(told);                                                                      \
		e = NULL;                                                                                      \
		check_status((call), (status), &unheard, __FILE__, __LINE__, #call " without err");                \
	} while (0)

/* The same for calls that have an `o` to be filled. */
#define REFUSED_OUT(type, status, parameter, call)                                                             \
	do {                                                                                                   \
		type *made = BEFORE, **o = &made;                                                              \
		REFUSED((status), (parameter), (made = BEFORE, (call)));                                       \
		CHECK(made == NULL);                                                                           \
		(void)o;                                                                                       \
	} while (0)

/* == Bad texts, keys, numbers ================================================================== */

static const char *const NOT_UTF8[] = {
	"/\xff",	     "/a\xe4/b",	"/\xc3",	  "/\xe2\x82", "/\xf0\x9f\x98",
	"/\xed\xa0\x80",     "/\xed\xbf\xbf",   "/\xc0\xaf",      "/\x80",     "/\xf4\x90\x80\x80",
	"/\xc3/\xa4",	     "/ok/\xfe",	"/\xf8\x88\x80\x80\x80",
};

static const char *const NO_KEY[] = {
	"", "k", "k/l", " /k", "//", "///", "/a//b", "/a//", "//a", "/.", "/..", "/./", "/a/./b", "/a/../b", "/a/..",
	"http://127.0.0.1/a", "\xc3\xa4",
};

static const int64_t NO_TTL[] = { -1, -60, INT64_MIN, 2147483649, 4294967296, INT64_MAX };

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static char *repeat(const char *first, char c, size_t n)
{
	size_t before_it = strlen(first);
	char *text = malloc(before_it + n + 1);
	if (text == NULL)
		abort();
	memcpy(text, first, before_it);
	memset(text + before_it, c, n);
	text[before_it + n] = '\0';
	return text;
}

/* == The verbs, under one shape ================================================================ */

struct arguments {
	const etcd_v2_client *client;
	const char *key, *value, *prev_value;
	int64_t ttl, timeout_ms;
	uint64_t prev_index, wait_index;
	uint32_t flags;
	const etcd_v2_cancel *cancel;
};

typedef etcd_v2_status verb_function(const struct arguments *a, etcd_v2_response **o, etcd_v2_error **e);

#define VERB(name, call)                                                                                       \
	static etcd_v2_status verb_##name(const struct arguments *a, etcd_v2_response **o, etcd_v2_error **e)  \
	{                                                                                                      \
		return call;                                                                                   \
	}
VERB(get, etcd_v2_get(a->client, a->key, a->flags, o, e))
VERB(set, etcd_v2_set(a->client, a->key, a->value, a->ttl, o, e))
VERB(create, etcd_v2_create(a->client, a->key, a->value, a->ttl, o, e))
VERB(update, etcd_v2_update(a->client, a->key, a->value, a->ttl, o, e))
VERB(refresh, etcd_v2_refresh(a->client, a->key, a->ttl, o, e))
VERB(create_in_order, etcd_v2_create_in_order(a->client, a->key, a->value, a->ttl, o, e))
VERB(set_dir, etcd_v2_set_dir(a->client, a->key, a->ttl, o, e))
VERB(create_dir, etcd_v2_create_dir(a->client, a->key, a->ttl, o, e))
VERB(update_dir, etcd_v2_update_dir(a->client, a->key, a->ttl, o, e))
VERB(delete, etcd_v2_delete(a->client, a->key, a->flags, o, e))
VERB(delete_dir, etcd_v2_delete_dir(a->client, a->key, o, e))
VERB(compare_and_swap,
     etcd_v2_compare_and_swap(a->client, a->key, a->value, a->ttl, a->prev_value, a->prev_index, o, e))
VERB(compare_and_delete, etcd_v2_compare_and_delete(a->client, a->key, a->prev_value, a->prev_index, o, e))
VERB(watch_once, etcd_v2_watch_once(a->client, a->key, a->wait_index, a->flags, a->timeout_ms, a->cancel, o, e))

enum { VALUE = 1, TTL = 2, TTL_NEEDED = 4, FLAGS = 8, PREV = 16, TIMEOUT = 32, WRITE = 64 };

static const struct verb {
	const char *name, *key;
	verb_function *run;
	int takes;
	uint32_t flags;
} VERBS[] = {
	{ "get", "key", verb_get, FLAGS, ETCD_V2_RECURSIVE | ETCD_V2_SORTED | ETCD_V2_QUORUM },
	{ "set", "key", verb_set, VALUE | TTL | WRITE, 0 },
	{ "create", "key", verb_create, VALUE | TTL | WRITE, 0 },
	{ "update", "key", verb_update, VALUE | TTL | WRITE, 0 },
	{ "refresh", "key", verb_refresh, TTL | TTL_NEEDED | WRITE, 0 },
	{ "create_in_order", "directory", verb_create_in_order, VALUE | TTL | WRITE, 0 },
	{ "set_dir", "key", verb_set_dir, TTL | WRITE, 0 },
	{ "create_dir", "key", verb_create_dir, TTL | WRITE, 0 },
	{ "update_dir", "key", verb_update_dir, TTL | WRITE, 0 },
	{ "delete", "key", verb_delete, FLAGS | WRITE, ETCD_V2_RECURSIVE | ETCD_V2_DIR },
	{ "delete_dir", "key", verb_delete_dir, WRITE, 0 },
	{ "compare_and_swap", "key", verb_compare_and_swap, VALUE | TTL | PREV | WRITE, 0 },
	{ "compare_and_delete", "key", verb_compare_and_delete, PREV | WRITE, 0 },
	{ "watch_once", "key", verb_watch_once, FLAGS | TIMEOUT, ETCD_V2_RECURSIVE },
};

#define VERB_REFUSED(status, parameter) REFUSED_OUT(etcd_v2_response, (status), (parameter), v->run(&a, o, e))

static void wrong_verb(const struct verb *v)
{
	const struct arguments good = { .client = client, .key = "/k", .value = "v", .prev_value = "p",
					.ttl = v->takes & TTL_NEEDED ? 5 : 0, .timeout_ms = 1000 };
	struct arguments a = good;

	a.client = NULL;
	VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "client");
	/* out may be NULL, and then still nothing is sent */
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "client", v->run(&a, NULL, e));
	a = good;

	a.key = NULL;
	VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, v->key);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, v->key, v->run(&a, NULL, e));
	for (size_t i = 0; i < COUNT(NO_KEY); i++) {
		a.key = NO_KEY[i];
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, v->key);
	}
	for (size_t i = 0; i < COUNT(NOT_UTF8); i++) {
		a.key = NOT_UTF8[i];
		VERB_REFUSED(ETCD_V2_NOT_UTF8, v->key);
	}
	char *too_long = repeat("/", 'k', LARGEST_TARGET);
	a.key = too_long;
	VERB_REFUSED(ETCD_V2_TOO_LARGE, v->key);
	free(too_long);
	/* three times as long once it is escaped */
	too_long = repeat("/", '%', LARGEST_TARGET / 3);
	a.key = too_long;
	VERB_REFUSED(ETCD_V2_TOO_LARGE, v->key);
	free(too_long);
	a = good;

	if (v->takes & VALUE) {
		a.value = NULL;
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "value");
		for (size_t i = 0; i < COUNT(NOT_UTF8); i++) {
			a.value = NOT_UTF8[i];
			VERB_REFUSED(ETCD_V2_NOT_UTF8, "value");
		}
		char *huge = repeat("", 'v', LARGEST_FORM + 1);
		a.value = huge;
		VERB_REFUSED(ETCD_V2_TOO_LARGE, "value");
		huge[LARGEST_FORM - 3] = '\0'; /* with "value=" it is too long by 3 */
		VERB_REFUSED(ETCD_V2_TOO_LARGE, "value");
		memset(huge, '\n', LARGEST_FORM / 3);
		huge[LARGEST_FORM / 3] = '\0';
		VERB_REFUSED(ETCD_V2_TOO_LARGE, "value");
		free(huge);
		a = good;
	}
	if (v->takes & TTL) {
		for (size_t i = 0; i < COUNT(NO_TTL); i++) {
			a.ttl = NO_TTL[i];
			VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "ttl");
		}
		a = good;
	}
	if (v->takes & TTL_NEEDED) {
		a.ttl = 0;
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "ttl");
		a = good;
	}
	if (v->takes & FLAGS) {
		for (int bit = 0; bit < 32; bit++) {
			a.flags = (uint32_t)1 << bit;
			if (a.flags & v->flags)
				continue;
			VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags");
			a.flags |= v->flags;
			VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags");
		}
		a.flags = UINT32_MAX;
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags");
		a = good;
	}
	if (v->takes & PREV) {
		a.prev_value = NULL; /* and no index either */
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value");
		a.prev_value = "";
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value");
		a.prev_index = 7;
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value");
		for (size_t i = 0; i < COUNT(NOT_UTF8); i++) {
			a.prev_value = NOT_UTF8[i];
			VERB_REFUSED(ETCD_V2_NOT_UTF8, "prev_value");
		}
		char *huge = repeat("", 'p', LARGEST_FORM + 1);
		a.prev_value = huge;
		VERB_REFUSED(ETCD_V2_TOO_LARGE, "prev_value");
		free(huge);
		a = good;
	}
	if (v->takes & TIMEOUT) {
		const int64_t no_timeout[] = { -2, -1000, INT64_MIN, 2147483648, INT64_MAX };
		for (size_t i = 0; i < COUNT(no_timeout); i++) {
			a.timeout_ms = no_timeout[i];
			VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "timeout_ms");
		}
	}
}

/* A comparison in the query has less room than one in the body. */
static void wrong_long_condition(void)
{
	char *longer = repeat("", 'p', LARGEST_TARGET);
	REFUSED_OUT(etcd_v2_response, ETCD_V2_TOO_LARGE, "prev_value",
		    etcd_v2_compare_and_delete(client, "/k", longer, 0, o, e));
	free(longer);
}

/* == Options and client ======================================================================== */

#define MS_REFUSED(name, also_0)                                                                             \
	do {                                                                                                   \
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_##name(NULL, 1000, e));                        \
		const int64_t no_ms[] = { -1, INT64_MIN, 2147483648, INT64_MAX };                              \
		for (size_t i = 0; i < COUNT(no_ms); i++)                                                      \
			REFUSED(ETCD_V2_INVALID_ARGUMENT, #name, etcd_v2_options_set_##name(options, no_ms[i], e));                  \
		if (also_0)                                                                                    \
			REFUSED(ETCD_V2_INVALID_ARGUMENT, #name, etcd_v2_options_set_##name(options, 0, e));                         \
	} while (0)

static const char *const NO_ENDPOINT[] = {
	"",
	" ",
	"http://",
	"http:///",
	"http:///v2",
	"http://:2379",
	":2379",
	"http://a b:1",
	"http://127.0.0.1:0",
	"http://127.0.0.1:70000",
	"http://127.0.0.1:65536",
	"http://127.0.0.1:-1",
	"http://127.0.0.1:+1",
	"http://127.0.0.1:",
	"http://127.0.0.1:12x",
	"http://127.0.0.1:1:2",
	"127.0.0.1:0",
	"127.0.0.1:70000",
	"ftp://127.0.0.1:2379",
	"://127.0.0.1",
	"http//127.0.0.1",
	"http://[::1",
	"http://[::g]:1",
	"http://[::1]x:1",
	"http://::1:2379",
	"http://127.0.0.1:2379/v2/keys",
	"http://127.0.0.1:2379?a=b",
	"http://127.0.0.1:2379#a",
	"http://127.0.0.1:2379\r\nX: y",
	"http://secret:hunter2@127.0.0.1:2379",
	"secret:hunter2@127.0.0.1:2379",
	"https://secret:hunter2@127.0.0.1:2379",
	"http://hunter2@127.0.0.1:2379",
	"http://secret:hunter2@",
	"http://secret:hunter2@127.0.0.1:99999",
	"http://secret:hunter2 x@127.0.0.1",
	"ftp://secret:hunter2@127.0.0.1",
	"unix://",
	"unix://relative/path",
	"unix:///",
	"unix:///folder/",
};

/* The password of an endpoint is nobody's business. */
static void check_endpoint(etcd_v2_status status, etcd_v2_error *const *why, etcd_v2_status expected,
			   const char *parameter, const char *url, int line)
{
	etcd_v2_error *e = *why;
	check_status(status, expected, why, __FILE__, line, url);
	check_refusal(e, expected, parameter, __FILE__, line);
	check_that(strstr(etcd_v2_error_message(e), "hunter2") == NULL, __FILE__, line, etcd_v2_error_message(e));
	etcd_v2_error_free(e);
}

static void refuse_endpoint(etcd_v2_options *options, const char *url, etcd_v2_status status)
{
	etcd_v2_error *told = BEFORE;
	check_endpoint(etcd_v2_options_add_endpoint(options, url, &told), &told, status, "url", url, __LINE__);
	CHECK_INT(etcd_v2_options_add_endpoint(options, url, NULL), status);

	etcd_v2_client *made = BEFORE;
	told = BEFORE;
	check_endpoint(etcd_v2_client_open(url, &made, &told), &told, status, "endpoints", url, __LINE__);
	CHECK(made == NULL);

	/* one bad endpoint among good ones is not passed over */
	char list[600];
	snprintf(list, sizeof list, "http://127.0.0.1:1,%s,127.0.0.1:2", url);
	made = BEFORE;
	told = BEFORE;
	check_endpoint(etcd_v2_client_open(list, &made, &told), &told, status, "endpoints", list, __LINE__);
	CHECK(made == NULL);
}

static void wrong_options(void)
{
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_options_new(NULL, e));
	etcd_v2_options *options;
	CHECK_OK(etcd_v2_options_new(&options, &error));

	MS_REFUSED(deadline_ms, true);
	MS_REFUSED(connect_timeout_ms, true);
	MS_REFUSED(max_poll_ms, true);
	MS_REFUSED(idle_timeout_ms, true);
	MS_REFUSED(user_timeout_ms, false);

	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_max_response_bytes(NULL, 1 << 20, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "max_response_bytes", etcd_v2_options_set_max_response_bytes(options, 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "max_response_bytes", etcd_v2_options_set_max_response_bytes(options, UINT64_MAX, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_max_nodes(NULL, 10, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "max_nodes", etcd_v2_options_set_max_nodes(options, 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "max_nodes", etcd_v2_options_set_max_nodes(options, UINT64_MAX, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_max_depth(NULL, 10, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "max_depth", etcd_v2_options_set_max_depth(options, 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "max_depth", etcd_v2_options_set_max_depth(options, UINT64_MAX, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_max_idle_connections(NULL, 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "max_idle_connections",
	       etcd_v2_options_set_max_idle_connections(options, UINT64_MAX, e));

	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_keepalive(NULL, 1, 1, 1, e));
	const int64_t no_number[] = { -1, INT64_MIN, 1000000, INT64_MAX };
	for (size_t i = 0; i < COUNT(no_number); i++) {
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "idle_s",
		       etcd_v2_options_set_keepalive(options, no_number[i], 1, 1, e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "interval_s",
		       etcd_v2_options_set_keepalive(options, 1, no_number[i], 1, e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "count",
		       etcd_v2_options_set_keepalive(options, 1, 1, no_number[i], e));
	}
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "interval_s", etcd_v2_options_set_keepalive(options, 1, 0, 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "count", etcd_v2_options_set_keepalive(options, 1, 1, 0, e));

	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_add_endpoint(NULL, "http://127.0.0.1:1", e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "url", etcd_v2_options_add_endpoint(options, NULL, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_client_open("http://127.0.0.1:1", NULL, e));
	for (size_t i = 0; i < COUNT(NO_ENDPOINT); i++)
		refuse_endpoint(options, NO_ENDPOINT[i], ETCD_V2_INVALID_ARGUMENT);
	for (size_t i = 0; i < COUNT(NOT_UTF8); i++) {
		char url[64];
		snprintf(url, sizeof url, "http://127.0.0.1:1%s", NOT_UTF8[i]);
		refuse_endpoint(options, url, ETCD_V2_NOT_UTF8);
	}
	refuse_endpoint(options, "https://127.0.0.1:2379", ETCD_V2_TLS);
	etcd_v2_error *told = NULL;
	CHECK_INT(etcd_v2_options_add_endpoint(options, "https://127.0.0.1:2379", &told), ETCD_V2_TLS);
	CHECK(strstr(etcd_v2_error_message(told), "without TLS") != NULL);
	etcd_v2_error_free(told);
	char *longer = repeat("http://", 'h', 1 << 20);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "url", etcd_v2_options_add_endpoint(options, longer, e));
	REFUSED_OUT(etcd_v2_client, ETCD_V2_INVALID_ARGUMENT, "endpoints", etcd_v2_client_open(longer, o, e));
	free(longer);
	longer = repeat("unix:///", 'u', 200);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "url", etcd_v2_options_add_endpoint(options, longer, e));
	free(longer);

	REFUSED_OUT(etcd_v2_client, ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_client_new(NULL, o, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_client_new(options, NULL, e));
	etcd_v2_options_free(options);
}

static void wrong_cancel(void)
{
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_cancel_new(NULL, e));
}

/* == Requests ================================================================================== */

static const struct operation {
	int32_t number;
	uint32_t flags;
	bool value, ttl, prev, repeat;
} OPERATIONS[] = {
	{ ETCD_V2_OP_GET, ETCD_V2_RECURSIVE | ETCD_V2_SORTED | ETCD_V2_QUORUM, false, false, false, false },
	{ ETCD_V2_OP_SET, ETCD_V2_DIR | ETCD_V2_NO_VALUE_ON_SUCCESS, true, true, false, true },
	{ ETCD_V2_OP_CREATE, ETCD_V2_DIR | ETCD_V2_NO_VALUE_ON_SUCCESS, true, true, false, false },
	{ ETCD_V2_OP_UPDATE, ETCD_V2_DIR | ETCD_V2_NO_VALUE_ON_SUCCESS, true, true, false, false },
	{ ETCD_V2_OP_REFRESH, ETCD_V2_NO_VALUE_ON_SUCCESS, false, true, false, false },
	{ ETCD_V2_OP_DELETE, ETCD_V2_DIR | ETCD_V2_RECURSIVE, false, false, false, true },
	{ ETCD_V2_OP_CREATE_IN_ORDER, ETCD_V2_DIR | ETCD_V2_NO_VALUE_ON_SUCCESS, true, true, false, false },
	{ ETCD_V2_OP_COMPARE_AND_SWAP, ETCD_V2_NO_VALUE_ON_SUCCESS, true, true, true, false },
	{ ETCD_V2_OP_COMPARE_AND_DELETE, 0, false, false, true, false },
};

#define EXECUTE_REFUSED(status, parameter)                                                                     \
	do {                                                                                                   \
		REFUSED_OUT(etcd_v2_response, (status), (parameter), etcd_v2_execute(client, r, o, e));        \
		REFUSED((status), (parameter), etcd_v2_execute(client, r, NULL, e));                           \
	} while (0)

static void wrong_request_of(const struct operation *op)
{
	etcd_v2_request *r;
	CHECK_OK(etcd_v2_request_new(op->number, "/k", &r, &error));

	REFUSED(ETCD_V2_INVALID_ARGUMENT, "value", etcd_v2_request_set_value(r, NULL, 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "value", etcd_v2_request_set_value(r, NULL, SIZE_MAX, e));
	if (op->value) {
		REFUSED(ETCD_V2_TOO_LARGE, "value", etcd_v2_request_set_value(r, "v", SIZE_MAX, e));
		for (size_t i = 0; i < COUNT(NOT_UTF8); i++)
			REFUSED(ETCD_V2_NOT_UTF8, "value",
				etcd_v2_request_set_value(r, NOT_UTF8[i], strlen(NOT_UTF8[i]), e));
		/* cut in the middle of a character */
		REFUSED(ETCD_V2_NOT_UTF8, "value", etcd_v2_request_set_value(r, "\xc3\xa4", 1, e));
		char *huge = repeat("", 'v', LARGEST_FORM + 1);
		REFUSED(ETCD_V2_TOO_LARGE, "value", etcd_v2_request_set_value(r, huge, LARGEST_FORM + 1, e));
		/* 10 MiB that become 30 on the wire */
		memset(huge, '\0', LARGEST_FORM);
		etcd_v2_status status = etcd_v2_request_set_value(r, huge, LARGEST_FORM, NULL);
		if (status == ETCD_V2_OK && op->number != ETCD_V2_OP_COMPARE_AND_SWAP)
			EXECUTE_REFUSED(ETCD_V2_TOO_LARGE, "value");
		else
			CHECK(status == ETCD_V2_OK || status == ETCD_V2_TOO_LARGE);
		free(huge);
		if (op->flags & ETCD_V2_DIR) {
			CHECK_OK(etcd_v2_request_set_value(r, "v", 1, &error));
			REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags", etcd_v2_request_set_flags(r, ETCD_V2_DIR, e));
		}
	} else {
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "value", etcd_v2_request_set_value(r, "v", 1, e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "value", etcd_v2_request_set_value(r, NULL, 0, e));
	}

	for (size_t i = 0; i < COUNT(NO_TTL); i++)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "ttl",
			etcd_v2_request_set_ttl(r, NO_TTL[i], e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "ttl", etcd_v2_request_set_ttl(r, 0, e));
	if (!op->ttl)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "ttl", etcd_v2_request_set_ttl(r, 5, e));
	if (!op->ttl || op->number == ETCD_V2_OP_REFRESH)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "ttl", etcd_v2_request_remove_ttl(r, e));

	for (int bit = 0; bit < 32; bit++) {
		uint32_t flag = (uint32_t)1 << bit;
		if (flag & op->flags)
			continue;
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags", etcd_v2_request_set_flags(r, flag, e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags", etcd_v2_request_set_flags(r, flag | op->flags, e));
	}
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags", etcd_v2_request_set_flags(r, UINT32_MAX, e));

	REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value", etcd_v2_request_set_prev_value(r, NULL, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value", etcd_v2_request_set_prev_value(r, "", e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_index", etcd_v2_request_set_prev_index(r, 0, e));
	for (size_t i = 0; i < COUNT(NOT_UTF8); i++)
		REFUSED(ETCD_V2_NOT_UTF8, "prev_value", etcd_v2_request_set_prev_value(r, NOT_UTF8[i], e));
	if (!op->prev) {
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value", etcd_v2_request_set_prev_value(r, "p", e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_index", etcd_v2_request_set_prev_index(r, 7, e));
	} else {
		char *huge = repeat("", 'p', LARGEST_FORM + 1);
		REFUSED(ETCD_V2_TOO_LARGE, "prev_value", etcd_v2_request_set_prev_value(r, huge, e));
		free(huge);
	}

	const int64_t no_deadline[] = { 0, -1, INT64_MIN, 2147483648, INT64_MAX };
	for (size_t i = 0; i < COUNT(no_deadline); i++)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "deadline_ms", etcd_v2_request_set_deadline_ms(r, no_deadline[i], e));
	if (!op->repeat)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "allow", etcd_v2_request_allow_repeat(r, true, e));

	REFUSED_OUT(etcd_v2_response, ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_execute(NULL, r, o, e));
	etcd_v2_request_free(r);

	/* what is missing is told by the run, and a second run tells it again */
	CHECK_OK(etcd_v2_request_new(op->number, "/k", &r, &error));
	if (op->number == ETCD_V2_OP_REFRESH) {
		EXECUTE_REFUSED(ETCD_V2_INVALID_ARGUMENT, "ttl");
	} else if (op->number == ETCD_V2_OP_COMPARE_AND_SWAP) {
		EXECUTE_REFUSED(ETCD_V2_INVALID_ARGUMENT, "value");
		CHECK_OK(etcd_v2_request_set_value(r, "v", 1, &error));
		EXECUTE_REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value");
	} else if (op->number == ETCD_V2_OP_COMPARE_AND_DELETE) {
		EXECUTE_REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value");
	}
	etcd_v2_request_free(r);
}

static void wrong_requests(void)
{
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_request_new(ETCD_V2_OP_GET, "/k", NULL, e));
	const int32_t no_operation[] = { 0, 10, 11, 100, 255, 256, 257, -1, INT32_MAX, INT32_MIN };
	for (size_t i = 0; i < COUNT(no_operation); i++)
		REFUSED_OUT(etcd_v2_request, ETCD_V2_INVALID_ARGUMENT, "operation",
			    etcd_v2_request_new(no_operation[i], "/k", o, e));
	for (size_t n = 0; n < COUNT(OPERATIONS); n++) {
		int32_t op = OPERATIONS[n].number;
		REFUSED_OUT(etcd_v2_request, ETCD_V2_INVALID_ARGUMENT, "key", etcd_v2_request_new(op, NULL, o, e));
		for (size_t i = 0; i < COUNT(NO_KEY); i++)
			REFUSED_OUT(etcd_v2_request, ETCD_V2_INVALID_ARGUMENT, "key",
				    etcd_v2_request_new(op, NO_KEY[i], o, e));
		for (size_t i = 0; i < COUNT(NOT_UTF8); i++)
			REFUSED_OUT(etcd_v2_request, ETCD_V2_NOT_UTF8, "key",
				    etcd_v2_request_new(op, NOT_UTF8[i], o, e));
		char *too_long = repeat("/", 'k', LARGEST_TARGET);
		REFUSED_OUT(etcd_v2_request, ETCD_V2_TOO_LARGE, "key", etcd_v2_request_new(op, too_long, o, e));
		free(too_long);
		wrong_request_of(&OPERATIONS[n]);
	}

	/* no request at all */
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_value(NULL, "v", 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_ttl(NULL, 5, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_remove_ttl(NULL, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_flags(NULL, 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_prev_value(NULL, "p", e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_prev_index(NULL, 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_deadline_ms(NULL, 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_cancel(NULL, token, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_cancel(NULL, NULL, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_allow_repeat(NULL, true, e));
	REFUSED_OUT(etcd_v2_response, ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_execute(client, NULL, o, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_execute(client, NULL, NULL, e));
}

#define RAW_REFUSED(status, parameter, method, path, body, length, type)                                       \
	REFUSED_OUT(etcd_v2_request, (status), (parameter),                                                    \
		    etcd_v2_request_raw((method), (path), (body), (length), (type), o, e))

static void wrong_raw(void)
{
	const char *json = "application/json";
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_request_raw("GET", "/version", NULL, 0, NULL, NULL, e));

	RAW_REFUSED(ETCD_V2_INVALID_ARGUMENT, "method", NULL, "/version", NULL, 0, NULL);
	const char *const no_method[] = { "", "get", "GET ", "PATCH", "OPTIONS", "CONNECT", "GET /x HTTP/1.1\r\n\r\n" };
	for (size_t i = 0; i < COUNT(no_method); i++)
		RAW_REFUSED(ETCD_V2_INVALID_ARGUMENT, "method", no_method[i], "/version", NULL, 0, NULL);

	RAW_REFUSED(ETCD_V2_INVALID_ARGUMENT, "path_and_query", "GET", NULL, NULL, 0, NULL);
	const char *const no_path[] = { "", "version", "http://127.0.0.1/version", "/a b", "/a\r\nX: y", "/a\tb",
					"/a#b", "/a\x7f", "/\x01", "/\xc3\xa4" };
	for (size_t i = 0; i < COUNT(no_path); i++)
		RAW_REFUSED(ETCD_V2_INVALID_ARGUMENT, "path_and_query", "GET", no_path[i], NULL, 0, NULL);
	char *too_long = repeat("/", 'p', LARGEST_TARGET);
	RAW_REFUSED(ETCD_V2_TOO_LARGE, "path_and_query", "GET", too_long, NULL, 0, NULL);
	free(too_long);

	RAW_REFUSED(ETCD_V2_INVALID_ARGUMENT, "body", "PUT", "/x", NULL, 1, json);
	RAW_REFUSED(ETCD_V2_INVALID_ARGUMENT, "body", "PUT", "/x", NULL, SIZE_MAX, json);
	RAW_REFUSED(ETCD_V2_TOO_LARGE, "body", "PUT", "/x", "b", SIZE_MAX, json);
	RAW_REFUSED(ETCD_V2_INVALID_ARGUMENT, "body", "GET", "/x", "b", 1, NULL);
	RAW_REFUSED(ETCD_V2_INVALID_ARGUMENT, "body", "HEAD", "/x", "b", 1, json);
	RAW_REFUSED(ETCD_V2_INVALID_ARGUMENT, "body", "DELETE", "/x", "b", 1, json);
	char *huge = repeat("", 'b', LARGEST_FORM + 100000);
	RAW_REFUSED(ETCD_V2_TOO_LARGE, "body", "PUT", "/x", huge, LARGEST_FORM + 100000, json);
	free(huge);

	RAW_REFUSED(ETCD_V2_INVALID_ARGUMENT, "content_type", "PUT", "/x", NULL, 0, json);
	const char *const no_type[] = { "", " ", "a\r\nX: y", "a\tb", "\x7f", "\xc3\xa4" };
	for (size_t i = 0; i < COUNT(no_type); i++)
		RAW_REFUSED(ETCD_V2_INVALID_ARGUMENT, "content_type", "PUT", "/x", "b", 1, no_type[i]);
	for (size_t i = 0; i < COUNT(NOT_UTF8); i++) {
		RAW_REFUSED(ETCD_V2_NOT_UTF8, "method", NOT_UTF8[i], "/x", NULL, 0, NULL);
		RAW_REFUSED(ETCD_V2_NOT_UTF8, "path_and_query", "GET", NOT_UTF8[i], NULL, 0, NULL);
		RAW_REFUSED(ETCD_V2_NOT_UTF8, "content_type", "PUT", "/x", "b", 1, NOT_UTF8[i]);
	}

	/* of a raw request only deadline and cancel can be set */
	etcd_v2_request *r;
	CHECK_OK(etcd_v2_request_raw("PUT", "/x", "b", 1, json, &r, &error));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_value(r, "v", 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_ttl(r, 5, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_remove_ttl(r, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_flags(r, 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_prev_value(r, "p", e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_prev_index(r, 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "allow", etcd_v2_request_allow_repeat(r, true, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "deadline_ms", etcd_v2_request_set_deadline_ms(r, 0, e));
	etcd_v2_request_free(r);
}

/* == NULL and numbers beyond the end, where nothing can fail =================================== */

static void nothing_to_read(void)
{
	CHECK_INT(etcd_v2_error_status(NULL), 0);
	CHECK(etcd_v2_error_message(NULL) == NULL);
	CHECK(etcd_v2_error_cause(NULL) == NULL);
	CHECK_INT(etcd_v2_error_etcd_code(NULL), 0);
	CHECK_INT(etcd_v2_error_http_status(NULL), 0);
	CHECK_INT(etcd_v2_error_index(NULL), 0);
	CHECK(etcd_v2_error_endpoint(NULL) == NULL);
	CHECK(etcd_v2_error_phase(NULL) == NULL);
	CHECK(!etcd_v2_error_is_retriable(NULL));
	CHECK(!etcd_v2_error_outcome_unknown(NULL));
	CHECK_INT(etcd_v2_error_attempt_count(NULL), 0);
	const char *endpoint = BEFORE, *phase = BEFORE, *text = BEFORE;
	int64_t number = 7;
	CHECK(!etcd_v2_error_attempt(NULL, 0, &endpoint, &phase, &text, &number));
	CHECK(endpoint == NULL && phase == NULL && text == NULL && number == 0);
	CHECK(!etcd_v2_error_attempt(NULL, SIZE_MAX, NULL, NULL, NULL, NULL));
	size_t length = 7;
	CHECK(etcd_v2_error_body(NULL, &length) == NULL && length == 0);
	CHECK(etcd_v2_error_body(NULL, NULL) == NULL);

	etcd_v2_cancel_fire(NULL);
	CHECK(!etcd_v2_cancel_is_fired(NULL));

	CHECK(etcd_v2_response_action(NULL) == NULL);
	CHECK_INT(etcd_v2_response_action_code(NULL), ETCD_V2_ACTION_UNKNOWN);
	CHECK(etcd_v2_response_node(NULL) == NULL);
	CHECK(etcd_v2_response_prev_node(NULL) == NULL);
	CHECK_INT(etcd_v2_response_etcd_index(NULL), 0);
	CHECK_INT(etcd_v2_response_raft_index(NULL), 0);
	CHECK_INT(etcd_v2_response_raft_term(NULL), 0);
	CHECK(etcd_v2_response_cluster_id(NULL) == NULL);
	CHECK_INT(etcd_v2_response_http_status(NULL), 0);
	length = 7;
	CHECK(etcd_v2_response_body(NULL, &length) == NULL && length == 0);
	CHECK(etcd_v2_response_body(NULL, NULL) == NULL);
	CHECK(etcd_v2_response_endpoint(NULL) == NULL);

	CHECK(etcd_v2_node_key(NULL) == NULL);
	length = 7;
	CHECK(etcd_v2_node_value(NULL, &length) == NULL && length == 0);
	CHECK(etcd_v2_node_value(NULL, NULL) == NULL);
	CHECK(!etcd_v2_node_is_dir(NULL));
	number = 7;
	CHECK(!etcd_v2_node_ttl(NULL, &number) && number == 0);
	CHECK(!etcd_v2_node_ttl(NULL, NULL));
	number = 7;
	CHECK(!etcd_v2_node_expiration_ns(NULL, &number) && number == 0);
	CHECK(!etcd_v2_node_expiration_ns(NULL, NULL));
	CHECK(etcd_v2_node_expiration(NULL) == NULL);
	CHECK_INT(etcd_v2_node_created_index(NULL), 0);
	CHECK_INT(etcd_v2_node_modified_index(NULL), 0);
	CHECK_INT(etcd_v2_node_child_count(NULL), 0);
	CHECK(etcd_v2_node_child(NULL, 0) == NULL);
	CHECK(etcd_v2_node_child(NULL, SIZE_MAX) == NULL);

	for (int again = 0; again < 2; again++) {
		etcd_v2_error_free(NULL);
		etcd_v2_cancel_free(NULL);
		etcd_v2_options_free(NULL);
		etcd_v2_client_free(NULL);
		etcd_v2_request_free(NULL);
		etcd_v2_response_free(NULL);
	}
}

static void numbers_without_a_name(void)
{
	const etcd_v2_status no_status[] = { -1, 1, 99, 999, 1017, 1999, 65636, INT32_MAX, INT32_MIN };
	for (size_t i = 0; i < COUNT(no_status); i++) {
		CHECK_TEXT(etcd_v2_status_name(no_status[i]), "ETCD_V2_UNKNOWN");
		CHECK_TEXT(etcd_v2_status_text(no_status[i]), "unknown status");
	}
	size_t count = etcd_v2_status_count();
	CHECK(count > 40);
	CHECK_INT(etcd_v2_status_at(0), ETCD_V2_OK);
	CHECK(etcd_v2_status_at(count - 1) >= ETCD_V2_UNSUPPORTED);
	CHECK_INT(etcd_v2_status_at(count), -1);
	CHECK_INT(etcd_v2_status_at(SIZE_MAX), -1);
	CHECK_INT(etcd_v2_status_at(SIZE_MAX / 2), -1);
	CHECK_TEXT(etcd_v2_version(), ETCD_V2_VERSION_STRING);
	CHECK_INT(etcd_v2_version_number(), ETCD_V2_VERSION_NUMBER);
}

static void wrong(const char *url)
{
	CHECK_OK(etcd_v2_client_open(url, &client, &error));
	CHECK_OK(etcd_v2_cancel_new(&token, &error));
	for (size_t i = 0; i < COUNT(VERBS); i++)
		wrong_verb(&VERBS[i]);
	wrong_long_condition();
	wrong_options();
	wrong_cancel();
	wrong_requests();
	wrong_raw();
	nothing_to_read();
	numbers_without_a_name();
	etcd_v2_cancel_free(token);
	etcd_v2_client_free(client);
}

/* == The same with everything valid: it was the one parameter that was refused ================= */

static char under[64];
static char names[32][96];

/* A key of this run; a handful of them is good at a time. */
static const char *key(const char *name)
{
	static unsigned next;
	char *place = names[next++ % COUNT(names)];
	snprintf(place, sizeof names[0], "%s/%s", under, name);
	return place;
}

#define RIGHT(call)                                                                                            \
	do {                                                                                                   \
		etcd_v2_response *made = BEFORE, **o = &made;                                                  \
		etcd_v2_error *told = BEFORE, **e = &told;                                                     \
		check_status((call), ETCD_V2_OK, &told, __FILE__, __LINE__, #call);     \
		CHECK(told == NULL);                                                                           \
		CHECK(made != NULL && (void *)made != BEFORE);                                                 \
		etcd_v2_response_free(made);                                                                   \
	} while (0)

/* Without anybody who wants answer or reason. */
#define RIGHT_UNHEARD(call)                                                                                    \
	do {                                                                                                   \
		etcd_v2_response **o = NULL;                                                                   \
		etcd_v2_error **e = NULL;                                                                      \
		CHECK_INT((call), ETCD_V2_OK);                                                                 \
	} while (0)

static void right_verbs(void)
{
	for (int round = 0; round < 2; round++) {
		char folder[16];
		snprintf(folder, sizeof folder, "v%d", round);
		for (size_t i = 0; i < COUNT(VERBS); i++) {
			const struct verb *v = &VERBS[i];
			char name[64];
			snprintf(name, sizeof name, "%s/%s", folder, v->name);
			struct arguments a = { .client = client, .key = key(name), .value = "v", .prev_value = "p",
					       .ttl = v->takes & TTL_NEEDED ? 5 : 0, .timeout_ms = 10000,
					       .wait_index = 1 };
			bool dir = strstr(v->name, "_dir") != NULL;
			if (dir && v->run != verb_set_dir && v->run != verb_create_dir)
				CHECK_OK(etcd_v2_set_dir(client, a.key, 0, NULL, &error));
			else if (v->run != verb_create && v->run != verb_create_in_order && !dir)
				CHECK_OK(etcd_v2_set(client, a.key, "p", 0, NULL, &error));
			if (round == 1)
				RIGHT_UNHEARD(v->run(&a, o, e));
			else
				RIGHT(v->run(&a, o, e));
			/* each allowed flag alone */
			for (uint32_t flag = 1; flag != 0; flag <<= 1) {
				if (!(flag & v->flags))
					continue;
				if (v->run == verb_delete)
					CHECK_OK(etcd_v2_set(client, a.key, "p", 0, NULL, &error));
				a.flags = flag;
				RIGHT(v->run(&a, o, e));
			}
		}
	}
	/* where NULL is allowed, alone */
	CHECK_OK(etcd_v2_set(client, key("c"), "p", 0, NULL, NULL));
	etcd_v2_response *read;
	CHECK_OK(etcd_v2_get(client, key("c"), 0, &read, &error));
	uint64_t index = etcd_v2_node_modified_index(etcd_v2_response_node(read));
	etcd_v2_response_free(read);
	RIGHT(etcd_v2_compare_and_swap(client, key("c"), "", 0, NULL, index, o, e));
	REFUSED_OUT(etcd_v2_response, ETCD_V2_INVALID_ARGUMENT, "prev_value",
		    etcd_v2_compare_and_swap(client, key("c"), "w", 0, "", 0, o, e));
	CHECK_OK(etcd_v2_set(client, key("c"), "p", 0, NULL, NULL));
	RIGHT(etcd_v2_compare_and_delete(client, key("c"), "p", 0, o, e));
	/* the largest numbers that are allowed */
	RIGHT(etcd_v2_set(client, key("ttl"), "v", 2147483648, o, e));
	CHECK_INT(etcd_v2_watch_once(client, key("never"), UINT64_MAX, 0, 1, NULL, NULL, NULL), ETCD_V2_TIMEOUT);
}

static void right_options(const char *url)
{
	etcd_v2_options *options;
	CHECK_INT(etcd_v2_options_new(&options, NULL), ETCD_V2_OK);
	CHECK_INT(etcd_v2_options_add_endpoint(options, url, NULL), ETCD_V2_OK);
	const int64_t ms[] = { 2147483647, 1000 };
	for (size_t i = 0; i < COUNT(ms); i++) {
		CHECK_OK(etcd_v2_options_set_deadline_ms(options, ms[i], &error));
		CHECK_OK(etcd_v2_options_set_connect_timeout_ms(options, ms[i], &error));
		CHECK_OK(etcd_v2_options_set_max_poll_ms(options, ms[i], &error));
		CHECK_OK(etcd_v2_options_set_idle_timeout_ms(options, ms[i], &error));
		CHECK_OK(etcd_v2_options_set_user_timeout_ms(options, ms[i], &error));
	}
	CHECK_OK(etcd_v2_options_set_deadline_ms(options, 20000, &error));
	CHECK_OK(etcd_v2_options_set_user_timeout_ms(options, 0, &error));
	CHECK_OK(etcd_v2_options_set_max_response_bytes(options, 1 << 20, &error));
	CHECK_OK(etcd_v2_options_set_max_nodes(options, 1000, &error));
	CHECK_OK(etcd_v2_options_set_max_depth(options, 10, &error));
	CHECK_OK(etcd_v2_options_set_max_idle_connections(options, 0, &error));
	CHECK_OK(etcd_v2_options_set_keepalive(options, 1, 1, 1, &error));
	CHECK_OK(etcd_v2_options_set_keepalive(options, 0, 0, 0, &error));
	/* a refused setter changes nothing, and the client does not need its options */
	CHECK_INT(etcd_v2_options_add_endpoint(options, "gopher://127.0.0.1", NULL), ETCD_V2_INVALID_ARGUMENT);
	CHECK_INT(etcd_v2_options_set_deadline_ms(options, 0, NULL), ETCD_V2_INVALID_ARGUMENT);
	etcd_v2_client *other;
	CHECK_INT(etcd_v2_client_new(options, &other, NULL), ETCD_V2_OK);
	etcd_v2_options_free(options);
	CHECK_OK(etcd_v2_set(other, key("o"), "v", 0, NULL, &error));
	etcd_v2_client_free(other);
	/* the default endpoint is not asked when nothing is sent */
	CHECK_OK(etcd_v2_client_open(NULL, &other, &error));
	etcd_v2_client_free(other);
}

static void right_requests(void)
{
	for (size_t n = 0; n < COUNT(OPERATIONS); n++) {
		const struct operation *op = &OPERATIONS[n];
		const char *name = op->number == ETCD_V2_OP_CREATE ? "r/new" : "r/old";
		if (op->number != ETCD_V2_OP_CREATE && op->number != ETCD_V2_OP_CREATE_IN_ORDER)
			CHECK_OK(etcd_v2_set(client, key(name), "p", 0, NULL, &error));
		if (op->number == ETCD_V2_OP_CREATE_IN_ORDER)
			name = "r/queue";
		etcd_v2_request *r;
		CHECK_INT(etcd_v2_request_new(op->number, key(name), &r, NULL), ETCD_V2_OK);
		if (op->value)
			CHECK_INT(etcd_v2_request_set_value(r, "v", 1, NULL), ETCD_V2_OK);
		if (op->ttl)
			CHECK_INT(etcd_v2_request_set_ttl(r, 2147483648, NULL), ETCD_V2_OK);
		if (op->ttl && op->number != ETCD_V2_OP_REFRESH)
			CHECK_INT(etcd_v2_request_remove_ttl(r, NULL), ETCD_V2_OK);
		if (op->prev)
			CHECK_INT(etcd_v2_request_set_prev_value(r, "p", NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_set_flags(r, op->flags & ~(uint32_t)ETCD_V2_DIR, NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_set_flags(r, 0, NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_set_deadline_ms(r, 20000, NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_set_cancel(r, token, NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_set_cancel(r, NULL, NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_allow_repeat(r, op->repeat, NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_allow_repeat(r, false, NULL), ETCD_V2_OK);
		/* a refused setter leaves what was set */
		CHECK_INT(etcd_v2_request_set_value(r, "\xff", 1, NULL),
			  op->value ? ETCD_V2_NOT_UTF8 : ETCD_V2_INVALID_ARGUMENT);
		CHECK_INT(etcd_v2_request_set_flags(r, 1u << 31, NULL), ETCD_V2_INVALID_ARGUMENT);
		CHECK_INT(etcd_v2_request_set_ttl(r, -1, NULL), ETCD_V2_INVALID_ARGUMENT);
		CHECK_INT(etcd_v2_request_set_prev_index(r, 0, NULL), ETCD_V2_INVALID_ARGUMENT);
		RIGHT(etcd_v2_execute(client, r, o, e));
		etcd_v2_request_free(r);
	}
	/* NULL is no bytes, and NULs are bytes */
	etcd_v2_request *r;
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, key("r/bytes"), &r, &error));
	etcd_v2_response *read;
	size_t length = 7;
	CHECK_OK(etcd_v2_request_set_value(r, NULL, 0, &error));
	CHECK_OK(etcd_v2_execute(client, r, &read, &error));
	CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(read), &length), "");
	CHECK_INT(length, 0);
	etcd_v2_response_free(read);
	CHECK_OK(etcd_v2_request_set_value(r, "a\0b", 3, &error));
	CHECK_OK(etcd_v2_execute(client, r, &read, &error));
	CHECK(memcmp(etcd_v2_node_value(etcd_v2_response_node(read), &length), "a\0b", 4) == 0);
	CHECK_INT(length, 3);
	etcd_v2_response_free(read);
	etcd_v2_request_free(r);

	CHECK_OK(etcd_v2_request_raw("GET", "/version", NULL, 0, NULL, &r, NULL));
	CHECK_OK(etcd_v2_request_set_deadline_ms(r, 20000, &error));
	CHECK_OK(etcd_v2_request_set_cancel(r, token, &error));
	RIGHT(etcd_v2_execute(client, r, o, e));
	RIGHT_UNHEARD(etcd_v2_execute(client, r, o, e));
	etcd_v2_request_free(r);
	char path[160];
	snprintf(path, sizeof path, "/v2/keys%s", key("raw"));
	CHECK_OK(etcd_v2_request_raw("PUT", path, "value=v", 7, "application/x-www-form-urlencoded", &r, &error));
	RIGHT(etcd_v2_execute(client, r, o, e));
	etcd_v2_request_free(r);
}

/* Beyond the end of what is there, and with nobody who wants the second answer. */
static void right_accessors(void)
{
	CHECK_OK(etcd_v2_set(client, key("d/a"), "v", 100, NULL, &error));
	CHECK_OK(etcd_v2_set(client, key("d/b"), "w", 0, NULL, &error));
	etcd_v2_response *r;
	CHECK_OK(etcd_v2_get(client, key("d"), ETCD_V2_SORTED, &r, &error));
	CHECK_TEXT(etcd_v2_response_action(r), "get");
	CHECK_INT(etcd_v2_response_action_code(r), ETCD_V2_ACTION_GET);
	CHECK_INT(etcd_v2_response_http_status(r), 200);
	CHECK(etcd_v2_response_prev_node(r) == NULL);
	CHECK(etcd_v2_response_etcd_index(r) > 0 && etcd_v2_response_raft_index(r) > 0);
	CHECK(etcd_v2_response_raft_term(r) > 0 && etcd_v2_response_cluster_id(r)[0] != '\0');
	CHECK(strlen(etcd_v2_response_body(r, NULL)) > 0 && strlen(etcd_v2_response_endpoint(r)) > 0);
	const etcd_v2_node *d = etcd_v2_response_node(r);
	CHECK(etcd_v2_node_is_dir(d) && etcd_v2_node_value(d, NULL) == NULL);
	CHECK_INT(etcd_v2_node_child_count(d), 2);
	CHECK(etcd_v2_node_child(d, 2) == NULL && etcd_v2_node_child(d, SIZE_MAX) == NULL);
	CHECK(etcd_v2_node_child(d, (size_t)1 << 32) == NULL);
	const etcd_v2_node *a = etcd_v2_node_child(d, 0), *b = etcd_v2_node_child(d, 1);
	CHECK_TEXT(etcd_v2_node_key(a), key("d/a"));
	CHECK(etcd_v2_node_child(a, 0) == NULL && etcd_v2_node_child_count(a) == 0);
	CHECK(etcd_v2_node_ttl(a, NULL) && etcd_v2_node_expiration_ns(a, NULL) && etcd_v2_node_expiration(a) != NULL);
	int64_t number = 7;
	CHECK(!etcd_v2_node_ttl(b, &number) && number == 0);
	number = 7;
	CHECK(!etcd_v2_node_expiration_ns(b, &number) && number == 0);
	CHECK(etcd_v2_node_expiration(b) == NULL);
	CHECK(etcd_v2_node_created_index(b) > 0 && etcd_v2_node_modified_index(b) > 0);
	etcd_v2_response_free(r);

	etcd_v2_error *e = BEFORE;
	r = BEFORE;
	CHECK_INT(etcd_v2_get(client, key("none"), 0, &r, &e), ETCD_V2_KEY_NOT_FOUND);
	CHECK(r == NULL);
	CHECK_INT(etcd_v2_error_etcd_code(e), 100);
	CHECK_INT(etcd_v2_error_http_status(e), 404);
	CHECK_TEXT(etcd_v2_error_cause(e), key("none"));
	CHECK(etcd_v2_error_index(e) > 0 && etcd_v2_error_endpoint(e) != NULL);
	const char *endpoint = BEFORE, *phase = BEFORE, *text = BEFORE;
	CHECK(!etcd_v2_error_attempt(e, SIZE_MAX, &endpoint, &phase, &text, &number));
	CHECK(endpoint == NULL && phase == NULL && text == NULL && number == 0);
	CHECK(etcd_v2_error_body(e, NULL) != NULL);
	etcd_v2_error_free(e);

	/* an error that has attempts: nobody listens on port 1 */
	etcd_v2_client *nobody;
	CHECK_OK(etcd_v2_client_open("http://127.0.0.1:1", &nobody, &error));
	CHECK_INT(etcd_v2_get(nobody, "/k", 0, NULL, &e), ETCD_V2_UNREACHABLE);
	etcd_v2_client_free(nobody);
	size_t attempts = etcd_v2_error_attempt_count(e);
	CHECK(attempts > 0);
	CHECK(etcd_v2_error_attempt(e, attempts - 1, NULL, NULL, NULL, NULL));
	CHECK(etcd_v2_error_attempt(e, 0, &endpoint, &phase, &text, &number));
	CHECK_TEXT(endpoint, "http://127.0.0.1:1");
	CHECK_TEXT(phase, "connect");
	CHECK(text[0] != '\0' && number >= 0);
	CHECK(!etcd_v2_error_attempt(e, attempts, &endpoint, &phase, &text, &number));
	CHECK(endpoint == NULL && phase == NULL && text == NULL && number == 0);
	CHECK_TEXT(etcd_v2_error_phase(e), "connect");
	CHECK(etcd_v2_error_is_retriable(e) && !etcd_v2_error_outcome_unknown(e));
	etcd_v2_error_free(e);
}

/* Parents before children, children before parents. */
static void right_orders_of_freeing(const char *url)
{
	for (int order = 0; order < 4; order++) {
		etcd_v2_options *options;
		etcd_v2_client *c;
		etcd_v2_cancel *t;
		etcd_v2_request *q;
		etcd_v2_response *r;
		etcd_v2_error *e;
		CHECK_OK(etcd_v2_options_new(&options, &error));
		CHECK_OK(etcd_v2_options_add_endpoint(options, url, &error));
		CHECK_OK(etcd_v2_client_new(options, &c, &error));
		CHECK_OK(etcd_v2_cancel_new(&t, &error));
		char *name = malloc(128);
		if (name == NULL)
			abort();
		snprintf(name, 128, "%s", key("f"));
		CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, name, &q, &error));
		memset(name, 'x', 127); /* inputs are copied */
		free(name);
		char *value = malloc(3);
		if (value == NULL)
			abort();
		memcpy(value, "abc", 3);
		CHECK_OK(etcd_v2_request_set_value(q, value, 3, &error));
		free(value);
		CHECK_OK(etcd_v2_request_set_cancel(q, t, &error));
		if (order & 1) {
			etcd_v2_cancel_free(t);
			etcd_v2_options_free(options);
		}
		CHECK_OK(etcd_v2_execute(c, q, &r, &error));
		CHECK_INT(etcd_v2_get(c, key("none"), 0, NULL, &e), ETCD_V2_KEY_NOT_FOUND);
		if (order & 2) {
			etcd_v2_client_free(c);
			etcd_v2_request_free(q);
		}
		CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(r), NULL), "abc");
		CHECK_TEXT(etcd_v2_node_key(etcd_v2_response_node(r)), key("f"));
		CHECK(strstr(etcd_v2_response_body(r, NULL), "abc") != NULL);
		CHECK(strlen(etcd_v2_error_message(e)) > 0 && strlen(etcd_v2_error_endpoint(e)) > 0);
		etcd_v2_response_free(r);
		etcd_v2_error_free(e);
		if (!(order & 2)) {
			etcd_v2_request_free(q);
			etcd_v2_client_free(c);
		}
		if (!(order & 1)) {
			CHECK(!etcd_v2_cancel_is_fired(t));
			etcd_v2_cancel_fire(t);
			etcd_v2_cancel_fire(t);
			CHECK(etcd_v2_cancel_is_fired(t));
			etcd_v2_cancel_free(t);
			etcd_v2_options_free(options);
		}
	}
	/* fired before it begins, and freed before it runs */
	etcd_v2_cancel *t;
	etcd_v2_request *q;
	CHECK_OK(etcd_v2_cancel_new(&t, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, key("cancelled"), &q, &error));
	CHECK_OK(etcd_v2_request_set_cancel(q, t, &error));
	etcd_v2_cancel_fire(t);
	CHECK_STATUS(etcd_v2_watch_once(client, key("w"), 0, 0, -1, t, NULL, &error), ETCD_V2_CANCELLED);
	etcd_v2_cancel_free(t);
	CHECK_STATUS(etcd_v2_execute(client, q, NULL, &error), ETCD_V2_CANCELLED);
	CHECK(!etcd_v2_error_outcome_unknown(error));
	etcd_v2_request_free(q);
	CHECK_STATUS(etcd_v2_get(client, key("cancelled"), 0, NULL, &error), ETCD_V2_KEY_NOT_FOUND);
}

static void right(const char *url, const char *prefix)
{
	snprintf(under, sizeof under, "%s", prefix);
	CHECK_OK(etcd_v2_client_open(url, &client, &error));
	CHECK_OK(etcd_v2_cancel_new(&token, &error));
	right_verbs();
	right_options(url);
	right_requests();
	right_accessors();
	right_orders_of_freeing(url);
	etcd_v2_cancel_free(token);
	etcd_v2_client_free(client);
}

#ifdef ETCD_V2_TEST_HOOKS
/* Only in a library built for this test; panics inside. */
ETCD_V2_API etcd_v2_status etcd_v2_test_panic(etcd_v2_error **err);

static void panics(void)
{
	for (int i = 0; i < 100; i++) {
		etcd_v2_error *e = BEFORE;
		CHECK_INT(etcd_v2_test_panic(&e), ETCD_V2_INTERNAL);
		CHECK_INT(etcd_v2_error_status(e), ETCD_V2_INTERNAL);
		CHECK_TEXT(etcd_v2_error_message(e), "panic: on purpose");
		CHECK(!etcd_v2_error_is_retriable(e));
		etcd_v2_error_free(e);
		CHECK_INT(etcd_v2_test_panic(NULL), ETCD_V2_INTERNAL);
	}
	/* and the library is as good as before */
	CHECK_OK(etcd_v2_client_open("http://127.0.0.1:1", &client, &error));
	CHECK_STATUS(etcd_v2_get(client, "k", 0, NULL, &error), ETCD_V2_INVALID_ARGUMENT);
	etcd_v2_client_free(client);
}
#endif

int main(int argc, char **argv)
{
#ifdef PROVE
	/* what a checker has to see: memory of the library, read after it was freed */
	etcd_v2_error *e;
	if (etcd_v2_client_open(NULL, NULL, &e) == ETCD_V2_OK)
		return 2;
	const char *message = etcd_v2_error_message(e);
	etcd_v2_error_free(e);
	return printf("%zu\n", strlen(message)) < 0;
#endif
#ifdef PROVE_LEAK
	for (int i = 0; i < 10; i++) {
		etcd_v2_error *lost;
		if (etcd_v2_client_open(NULL, NULL, &lost) == ETCD_V2_OK)
			return 2;
		lost = NULL;
	}
	return 0;
#endif
	if (argc == 3 && strcmp(argv[1], "wrong") == 0)
		wrong(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "right") == 0)
		right(argv[2], argv[3]);
#ifdef ETCD_V2_TEST_HOOKS
	else if (argc == 2 && strcmp(argv[1], "panic") == 0)
		panics();
#endif
	else
		return 2;
	return check_done();
}
