/* What a refusal looks like, what is refused, and the verbs under one shape. */

#ifndef MISUSE_REFUSAL_H
#define MISUSE_REFUSAL_H

#include "../check.h"

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
static etcd_v2_cancel_token *token;

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
	check_text(etcd_v2_error_etcd_message(e), "", file, line, "etcd_v2_error_etcd_message(e)");
	check_int(etcd_v2_error_etcd_code(e), 0, file, line, "etcd_v2_error_etcd_code(e)");
	check_int(etcd_v2_error_http_status(e), 0, file, line, "etcd_v2_error_http_status(e)");
	check_int((long long)etcd_v2_error_etcd_index(e), 0, file, line, "etcd_v2_error_etcd_index(e)");
	check_int(etcd_v2_error_is_retriable(e), 0, file, line, "etcd_v2_error_is_retriable(e)");
	check_int(etcd_v2_error_is_outcome_unknown(e), 0, file, line, "etcd_v2_error_is_outcome_unknown(e)");
	check_int((long long)etcd_v2_error_attempt_count(e), 0, file, line, "etcd_v2_error_attempt_count(e)");
	check_that(etcd_v2_error_endpoint(e) == NULL, file, line, "etcd_v2_error_endpoint(e) == NULL");
	check_that(etcd_v2_error_phase(e) == ETCD_V2_PHASE_NONE, file, line, "etcd_v2_error_phase(e) == NONE");
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
	const etcd_v2_cancel_token *cancel;
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
VERB(compare_and_swap,
     etcd_v2_compare_and_swap(a->client, a->key, a->value, a->ttl, a->prev_value, a->prev_index, o, e))
VERB(compare_and_delete, etcd_v2_compare_and_delete(a->client, a->key, a->prev_value, a->prev_index, o, e))
VERB(watch_once, etcd_v2_watch_once(a->client, a->key, a->wait_index, a->flags, a->timeout_ms, o, e))

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
	{ "compare_and_swap", "key", verb_compare_and_swap, VALUE | TTL | PREV | WRITE, 0 },
	{ "compare_and_delete", "key", verb_compare_and_delete, PREV | WRITE, 0 },
	{ "watch_once", "key", verb_watch_once, FLAGS | TIMEOUT, ETCD_V2_RECURSIVE },
};

#endif
