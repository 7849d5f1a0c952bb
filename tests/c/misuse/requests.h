/* Requests with one parameter wrong, or one missing. */

#ifndef MISUSE_REQUESTS_H
#define MISUSE_REQUESTS_H

#include "refusal.h"


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
	if (!op->ttl)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "ttl", etcd_v2_request_set_ttl(r, 5, e));
	if (!op->ttl || op->number == ETCD_V2_OP_REFRESH)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "ttl", etcd_v2_request_set_ttl(r, 0, e));

	for (int bit = 0; bit < 32; bit++) {
		uint32_t flag = (uint32_t)1 << bit;
		if (flag & op->flags)
			continue;
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags", etcd_v2_request_set_flags(r, flag, e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags", etcd_v2_request_set_flags(r, flag | op->flags, e));
	}
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags", etcd_v2_request_set_flags(r, UINT32_MAX, e));

	REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value", etcd_v2_request_set_prev_value(r, NULL, 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value", etcd_v2_request_set_prev_value(r, NULL, SIZE_MAX, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value", etcd_v2_request_set_prev_value(r, "", 0, e));
	if (!op->prev) {
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value", etcd_v2_request_set_prev_value(r, NULL, 0, e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_index", etcd_v2_request_set_prev_index(r, 0, e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value", etcd_v2_request_set_prev_value(r, "p", 1, e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_index", etcd_v2_request_set_prev_index(r, 7, e));
	} else {
		for (size_t i = 0; i < COUNT(NOT_UTF8); i++)
			REFUSED(ETCD_V2_NOT_UTF8, "prev_value",
				etcd_v2_request_set_prev_value(r, NOT_UTF8[i], strlen(NOT_UTF8[i]), e));
		/* taken back: nothing is left to be compared */
		CHECK_OK(etcd_v2_request_set_prev_value(r, "p", 1, &error));
		CHECK_OK(etcd_v2_request_set_prev_value(r, NULL, 0, &error));
		CHECK_OK(etcd_v2_request_set_prev_index(r, 7, &error));
		CHECK_OK(etcd_v2_request_set_prev_index(r, 0, &error));
		char *huge = repeat("", 'p', LARGEST_FORM + 1);
		REFUSED(ETCD_V2_TOO_LARGE, "prev_value", etcd_v2_request_set_prev_value(r, huge, LARGEST_FORM + 1, e));
		free(huge);
	}

	const int64_t no_ms[] = { 0, -3, INT64_MIN, 2147483648, INT64_MAX };
	for (size_t i = 0; i < COUNT(no_ms); i++) {
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "timeout_ms", etcd_v2_request_set_timeout_ms(r, no_ms[i], e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "attempt_timeout_ms",
			etcd_v2_request_set_attempt_timeout_ms(r, no_ms[i], e));
	}
	if (!op->repeat)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "idempotent", etcd_v2_request_set_idempotent(r, true, e));

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
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_ttl(NULL, 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_flags(NULL, 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_prev_value(NULL, "p", 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_prev_index(NULL, 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_timeout_ms(NULL, 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_cancel(NULL, token, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_cancel(NULL, NULL, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_idempotent(NULL, true, e));
	REFUSED_OUT(etcd_v2_response, ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_execute(client, NULL, o, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_execute(client, NULL, NULL, e));
}

#define RAW_REFUSED(status, parameter, method, path, body, length, type)                                       \
	REFUSED_OUT(etcd_v2_request, (status), (parameter),                                                    \
		    etcd_v2_request_new_raw((method), (path), (body), (length), (type), o, e))

static void wrong_raw(void)
{
	const char *json = "application/json";
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_request_new_raw("GET", "/version", NULL, 0, NULL, NULL, e));

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

	/* of a raw request only how it is run can be set */
	etcd_v2_request *r;
	CHECK_OK(etcd_v2_request_new_raw("PUT", "/x", "b", 1, json, &r, &error));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_value(r, "v", 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_ttl(r, 5, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_ttl(r, 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_flags(r, 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_prev_value(r, "p", 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "request", etcd_v2_request_set_prev_index(r, 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "timeout_ms", etcd_v2_request_set_timeout_ms(r, 0, e));
	CHECK_OK(etcd_v2_request_set_idempotent(r, true, &error));
	CHECK_OK(etcd_v2_request_set_attempt_timeout_ms(r, 1000, &error));
	etcd_v2_request_free(r);
}

#endif
