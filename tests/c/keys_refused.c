/* What the library refuses: it names the parameter and sends nothing. Wants a server of its own, whose index nobody else moves. */

#include "keys.h"

static const char *const bad_keys[] = {"", "x", "x/y", " /x", "//", "/x//y", "/x//", "//x", "/.", "/..", "/./x", "/x/.", "/x/../y", "/x/.."};
static const char not_utf8[][5] = {"/\xff", "/\xc3", "/\xe2\x82", "/\xc0\xaf", "/\xed\xa0\x80", "/\xf5\x80"};
enum { BAD_KEYS = sizeof bad_keys / sizeof *bad_keys, NOT_UTF8 = sizeof not_utf8 / sizeof *not_utf8 };

/* Whatever comes: the last call was refused with `status`, the message names `parameter`, etcd knows nothing of it. */
static void is_refused(etcd_v2_status got, etcd_v2_status status, const char *parameter, int line)
{
	check_status(got, status, &error, __FILE__, line, parameter);
	const char *message = etcd_v2_error_message(error);
	if (strncmp(message, parameter, strlen(parameter)) != 0 || message[strlen(parameter)] != ':')
		check_text(message, parameter, __FILE__, line, "what the message begins with");
	check_that(strchr(message, '\n') == NULL, __FILE__, line, message);
	check_text(etcd_v2_error_cause(error), "", __FILE__, line, "cause");
	check_int(etcd_v2_error_http_status(error), 0, __FILE__, line, "http_status");
	check_int(etcd_v2_error_etcd_code(error), 0, __FILE__, line, "etcd_code");
	check_int(etcd_v2_error_etcd_index(error) == 0, true, __FILE__, line, "no index");
	check_text(etcd_v2_error_endpoint(error), NULL, __FILE__, line, "endpoint");
	check_int((int)etcd_v2_error_attempt_count(error), 0, __FILE__, line, "attempt_count");
	check_that(!etcd_v2_error_is_retriable(error), __FILE__, line, "is_retriable");
	check_that(!etcd_v2_error_is_outcome_unknown(error), __FILE__, line, "outcome_unknown");
	check_that(answer == NULL, __FILE__, line, "answer is NULL");
	etcd_v2_error_free(error);
	error = NULL;
}

#define REFUSED(call, parameter) is_refused((call), ETCD_V2_INVALID_ARGUMENT, (parameter), __LINE__)
#define REFUSED_AS(status, call, parameter) is_refused((call), (status), (parameter), __LINE__)

/* Every verb with that key. */
static void every_verb(const char *key, etcd_v2_status status)
{
	etcd_v2_request *request;
	REFUSED_AS(status, etcd_v2_get(client, key, 0, OUT, ERR), "key");
	REFUSED_AS(status, etcd_v2_set(client, key, "v", 0, OUT, ERR), "key");
	REFUSED_AS(status, etcd_v2_create(client, key, "v", 0, OUT, ERR), "key");
	REFUSED_AS(status, etcd_v2_update(client, key, "v", 0, OUT, ERR), "key");
	REFUSED_AS(status, etcd_v2_refresh(client, key, 5, OUT, ERR), "key");
	REFUSED_AS(status, etcd_v2_create_in_order(client, key, "v", 0, OUT, ERR), "directory");
	REFUSED_AS(status, etcd_v2_set_dir(client, key, 0, OUT, ERR), "key");
	REFUSED_AS(status, etcd_v2_create_dir(client, key, 0, OUT, ERR), "key");
	REFUSED_AS(status, etcd_v2_update_dir(client, key, 0, OUT, ERR), "key");
	REFUSED_AS(status, etcd_v2_delete(client, key, 1, OUT, ERR), "key");
	REFUSED_AS(status, etcd_v2_delete(client, key, ETCD_V2_DIR, OUT, ERR), "key");
	REFUSED_AS(status, etcd_v2_compare_and_swap(client, key, "v", 0, "v", 0, OUT, ERR), "key");
	REFUSED_AS(status, etcd_v2_compare_and_delete(client, key, "v", 0, OUT, ERR), "key");
	REFUSED_AS(status, etcd_v2_watch_once(client, key, 0, 0, 1, OUT, ERR), "key");
	for (int32_t op = ETCD_V2_OP_GET; op <= ETCD_V2_OP_COMPARE_AND_DELETE; op++)
		REFUSED_AS(status, etcd_v2_request_new(op, key, &request, ERR), "key");
}

static void keys(void)
{
	every_verb(NULL, ETCD_V2_INVALID_ARGUMENT);
	for (int i = 0; i < BAD_KEYS; i++)
		every_verb(bad_keys[i], ETCD_V2_INVALID_ARGUMENT);
	for (int i = 0; i < NOT_UTF8; i++)
		every_verb(not_utf8[i], ETCD_V2_NOT_UTF8);
}

static void values(void)
{
	for (int i = -1; i < NOT_UTF8; i++) {
		const char *bad = i < 0 ? NULL : not_utf8[i];
		etcd_v2_status status = i < 0 ? ETCD_V2_INVALID_ARGUMENT : ETCD_V2_NOT_UTF8;
		REFUSED_AS(status, etcd_v2_set(client, "/refused", bad, 0, OUT, ERR), "value");
		REFUSED_AS(status, etcd_v2_create(client, "/refused", bad, 0, OUT, ERR), "value");
		REFUSED_AS(status, etcd_v2_update(client, "/refused", bad, 0, OUT, ERR), "value");
		REFUSED_AS(status, etcd_v2_create_in_order(client, "/refused", bad, 0, OUT, ERR), "value");
		REFUSED_AS(status, etcd_v2_compare_and_swap(client, "/refused", bad, 0, "v", 0, OUT, ERR), "value");
		REFUSED_AS(status, etcd_v2_compare_and_swap(client, "/refused", "v", 0, bad, 0, OUT, ERR), "prev_value");
		REFUSED_AS(status, etcd_v2_compare_and_delete(client, "/refused", bad, 0, OUT, ERR), "prev_value");
	}
	REFUSED(etcd_v2_compare_and_swap(client, "/refused", "v", 0, "", 0, OUT, ERR), "prev_value");
	REFUSED(etcd_v2_compare_and_swap(client, "/refused", "v", 0, "", 7, OUT, ERR), "prev_value");
	REFUSED(etcd_v2_compare_and_delete(client, "/refused", "", 0, OUT, ERR), "prev_value");
}

static void ttls(void)
{
	const int64_t bad[] = {-1, INT64_MIN, -2147483648, 2147483649, INT64_C(7450000000), INT64_MAX};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		REFUSED(etcd_v2_set(client, "/refused", "v", bad[i], OUT, ERR), "ttl");
		REFUSED(etcd_v2_create(client, "/refused", "v", bad[i], OUT, ERR), "ttl");
		REFUSED(etcd_v2_update(client, "/refused", "v", bad[i], OUT, ERR), "ttl");
		REFUSED(etcd_v2_refresh(client, "/refused", bad[i], OUT, ERR), "ttl");
		REFUSED(etcd_v2_create_in_order(client, "/refused", "v", bad[i], OUT, ERR), "ttl");
		REFUSED(etcd_v2_set_dir(client, "/refused", bad[i], OUT, ERR), "ttl");
		REFUSED(etcd_v2_create_dir(client, "/refused", bad[i], OUT, ERR), "ttl");
		REFUSED(etcd_v2_update_dir(client, "/refused", bad[i], OUT, ERR), "ttl");
		REFUSED(etcd_v2_compare_and_swap(client, "/refused", "v", bad[i], "v", 0, OUT, ERR), "ttl");
	}
	REFUSED(etcd_v2_refresh(client, "/refused", 0, OUT, ERR), "ttl");
}

static void waits(void)
{
	const int64_t bad[] = {0, -3, INT64_MIN, INT64_C(2147483648), INT64_MAX};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		REFUSED(etcd_v2_watch_once(client, "/refused", 0, 0, bad[i], OUT, ERR), "timeout_ms");
}

/* What an operation can use; all else is refused, flag by flag. */
static void requests(void)
{
	enum { VALUE = 1, TTL = 2, COMPARES = 4, REPEATS = 8, NO_REMOVAL = 16 };
	static const struct {
		int32_t operation;
		uint32_t flags;
		int takes;
	} rows[] = {
		{ETCD_V2_OP_GET, 7, 0},
		{ETCD_V2_OP_SET, 24, VALUE | TTL | REPEATS},
		{ETCD_V2_OP_CREATE, 24, VALUE | TTL},
		{ETCD_V2_OP_UPDATE, 24, VALUE | TTL},
		{ETCD_V2_OP_REFRESH, 16, TTL | NO_REMOVAL},
		{ETCD_V2_OP_DELETE, 9, REPEATS},
		{ETCD_V2_OP_CREATE_IN_ORDER, 24, VALUE | TTL},
		{ETCD_V2_OP_COMPARE_AND_SWAP, 16, VALUE | TTL | COMPARES},
		{ETCD_V2_OP_COMPARE_AND_DELETE, 0, COMPARES},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		etcd_v2_request *r;
		int takes = rows[i].takes;
		CHECK_OK(etcd_v2_request_new(rows[i].operation, "/refused", &r, ERR));
		for (int bit = 0; bit < 32; bit++) {
			uint32_t flag = UINT32_C(1) << bit;
			if (rows[i].flags & flag)
				CHECK_OK(etcd_v2_request_set_flags(r, flag, ERR));
			else
				REFUSED(etcd_v2_request_set_flags(r, flag, ERR), "flags");
		}
		CHECK_OK(etcd_v2_request_set_flags(r, 0, ERR));
		if (!(takes & VALUE))
			REFUSED(etcd_v2_request_set_value(r, "v", 1, ERR), "value");
		if (!(takes & TTL))
			REFUSED(etcd_v2_request_set_ttl(r, 5, ERR), "ttl");
		if (!(takes & TTL) || takes & NO_REMOVAL)
			REFUSED(etcd_v2_request_set_ttl(r, 0, ERR), "ttl");
		if (!(takes & COMPARES)) {
			REFUSED(etcd_v2_request_set_prev_value(r, "v", 1, ERR), "prev_value");
			REFUSED(etcd_v2_request_set_prev_index(r, 5, ERR), "prev_index");
		}
		if (takes & TTL) {
			const int64_t bad[] = {-1, 2147483649, INT64_MIN, INT64_MAX};
			for (int j = 0; j < 4; j++)
				REFUSED(etcd_v2_request_set_ttl(r, bad[j], ERR), "ttl");
		}
		if (takes & COMPARES) {
			REFUSED(etcd_v2_request_set_prev_value(r, "", 0, ERR), "prev_value");
			REFUSED(etcd_v2_request_set_prev_value(r, NULL, 1, ERR), "prev_value");
			CHECK_OK(etcd_v2_request_set_prev_value(r, NULL, 0, ERR));
			REFUSED_AS(ETCD_V2_NOT_UTF8, etcd_v2_request_set_prev_value(r, not_utf8[0], strlen(not_utf8[0]), ERR), "prev_value");
			CHECK_OK(etcd_v2_request_set_prev_index(r, 0, ERR));
		}
		if (takes & VALUE) {
			REFUSED(etcd_v2_request_set_value(r, NULL, 1, ERR), "value");
			REFUSED_AS(ETCD_V2_NOT_UTF8, etcd_v2_request_set_value(r, "a\0\xff", 3, ERR), "value");
		}
		if (!(takes & REPEATS))
			CHECK(etcd_v2_request_set_idempotent(r, true, NULL) == ETCD_V2_INVALID_ARGUMENT);
		const int64_t deadlines[] = {0, -3, INT64_C(2147483648), INT64_MIN};
		for (int j = 0; j < 4; j++)
			REFUSED(etcd_v2_request_set_timeout_ms(r, deadlines[j], ERR), "timeout_ms");
		if (rows[i].flags & ETCD_V2_DIR && takes & VALUE) {
			CHECK_OK(etcd_v2_request_set_flags(r, ETCD_V2_DIR, ERR));
			REFUSED(etcd_v2_request_set_value(r, "v", 1, ERR), "value");
			CHECK_OK(etcd_v2_request_set_flags(r, 0, ERR));
			CHECK_OK(etcd_v2_request_set_value(r, "v", 1, ERR));
			REFUSED(etcd_v2_request_set_flags(r, ETCD_V2_DIR, ERR), "flags");
		}
		etcd_v2_request_free(r);
	}
	etcd_v2_request *r = NULL;
	const int32_t unknown[] = {0, 10, -1, INT32_MIN, INT32_MAX};
	for (int j = 0; j < 5; j++)
		REFUSED(etcd_v2_request_new(unknown[j], "/refused", &r, ERR), "operation");
	CHECK(r == NULL);
}

/* What is missing is told when the request is run. */
static void incomplete(void)
{
	const struct {
		int32_t operation;
		const char *value, *prev_value, *missing;
	} rows[] = {
		{ETCD_V2_OP_REFRESH, NULL, NULL, "ttl"},
		{ETCD_V2_OP_COMPARE_AND_SWAP, NULL, "v", "value"},
		{ETCD_V2_OP_COMPARE_AND_SWAP, "v", NULL, "prev_value"},
		{ETCD_V2_OP_COMPARE_AND_DELETE, NULL, NULL, "prev_value"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		etcd_v2_request *r;
		CHECK_OK(etcd_v2_request_new(rows[i].operation, "/refused", &r, ERR));
		if (rows[i].value != NULL)
			CHECK_OK(etcd_v2_request_set_value(r, rows[i].value, strlen(rows[i].value), ERR));
		if (rows[i].prev_value != NULL)
			CHECK_OK(etcd_v2_request_set_prev_value(r, rows[i].prev_value, strlen(rows[i].prev_value), ERR));
		REFUSED(etcd_v2_execute(client, r, OUT, ERR), rows[i].missing);
		etcd_v2_request_free(r);
	}
	REFUSED(etcd_v2_compare_and_swap(client, "/refused", "v", 0, NULL, 0, OUT, ERR), "prev_value");
	REFUSED(etcd_v2_compare_and_delete(client, "/refused", NULL, 0, OUT, ERR), "prev_value");
}

static void flags(void)
{
	for (int bit = 0; bit < 32; bit++) {
		uint32_t flag = UINT32_C(1) << bit;
		if (!(flag & 7))
			REFUSED(etcd_v2_get(client, "/refused", flag, OUT, ERR), "flags");
		if (!(flag & 9))
			REFUSED(etcd_v2_delete(client, "/refused", flag, OUT, ERR), "flags");
		if (flag != ETCD_V2_RECURSIVE)
			REFUSED(etcd_v2_watch_once(client, "/refused", 0, flag, 1, OUT, ERR), "flags");
	}
	REFUSED(etcd_v2_get(client, "/refused", UINT32_MAX, OUT, ERR), "flags");
}

static void raw(void)
{
	etcd_v2_request *r = NULL;
	const char *methods[] = {NULL, "", "get", "PATCH", "GET ", "OPTIONS"};
	for (int i = 0; i < 6; i++)
		REFUSED(etcd_v2_request_new_raw(methods[i], "/version", NULL, 0, NULL, &r, ERR), "method");
	const char *paths[] = {NULL, "", "version", "http://host/", "/a b", "/a\r\nX: y", "/a\x7f", "/a#b", "/\xc3\xbc"};
	for (int i = 0; i < 9; i++)
		REFUSED(etcd_v2_request_new_raw("GET", paths[i], NULL, 0, NULL, &r, ERR), "path_and_query");
	REFUSED(etcd_v2_request_new_raw("GET", "/version", "x", 1, NULL, &r, ERR), "body");
	REFUSED(etcd_v2_request_new_raw("DELETE", "/v2/keys/refused", "x", 1, "a/b", &r, ERR), "body");
	REFUSED(etcd_v2_request_new_raw("PUT", "/v2/keys/refused", NULL, 1, "a/b", &r, ERR), "body");
	REFUSED(etcd_v2_request_new_raw("PUT", "/v2/keys/refused", "x", 1, "a/b\r\nX: y", &r, ERR), "content_type");
	REFUSED(etcd_v2_request_new_raw("PUT", "/v2/keys/refused", "x", 1, "", &r, ERR), "content_type");
	CHECK(r == NULL);
	CHECK_OK(etcd_v2_request_new_raw("GET", "/version", NULL, 0, NULL, &r, ERR));
	CHECK(etcd_v2_request_set_value(r, "v", 1, NULL) == ETCD_V2_INVALID_ARGUMENT);
	CHECK(etcd_v2_request_set_flags(r, ETCD_V2_RECURSIVE, NULL) == ETCD_V2_INVALID_ARGUMENT);
	CHECK(etcd_v2_request_set_ttl(r, 5, NULL) == ETCD_V2_INVALID_ARGUMENT);
	CHECK(etcd_v2_request_set_ttl(r, 0, NULL) == ETCD_V2_INVALID_ARGUMENT);
	CHECK(etcd_v2_request_set_prev_value(r, "v", 1, NULL) == ETCD_V2_INVALID_ARGUMENT);
	CHECK(etcd_v2_request_set_prev_index(r, 5, NULL) == ETCD_V2_INVALID_ARGUMENT);
	CHECK_OK(etcd_v2_request_set_idempotent(r, true, ERR));
	etcd_v2_request_free(r);
}

int main(int argc, char **argv)
{
	static void (*const groups[])(void) = {keys, values, ttls, waits, requests, incomplete, flags, raw};
	begin(argc, argv);
	until_index_rests();
	put("/refused", "v");
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		uint64_t before = store_index();
		fresh_answer();
		groups[i]();
		CHECK_INT(store_index(), before);
	}
	CHECK_VALUE("/refused", "v");
	return finish();
}
