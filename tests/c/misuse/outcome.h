/* Outcomes that are looked for wrongly, rightly, and not at all. */

#ifndef MISUSE_OUTCOME_H
#define MISUSE_OUTCOME_H

#include "refusal.h"

/* An error that says that nothing was applied. */
static etcd_v2_error *promise(void)
{
	etcd_v2_error *e;
	CHECK_INT(etcd_v2_set(client, "no key", "v", 0, NULL, &e), ETCD_V2_INVALID_ARGUMENT);
	return e;
}

#define NO_OUTCOME(parameter, ...)                                                        \
	REFUSED_OUT(etcd_v2_outcome, ETCD_V2_INVALID_ARGUMENT, parameter, \
		    etcd_v2_outcome_resolve(__VA_ARGS__, o, e))

static void wrong_outcome(void)
{
	etcd_v2_error *why = promise();
	etcd_v2_request *r, *get, *raw;
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, "/k", &r, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/k", &get, &error));
	CHECK_OK(etcd_v2_request_new_raw("PUT", "/v2/keys/k", "value=v", 7, "application/x-www-form-urlencoded", &raw, &error));
	NO_OUTCOME("client", NULL, r, why, -2, 0);
	NO_OUTCOME("request", client, NULL, why, -2, 0);
	NO_OUTCOME("request", client, get, why, -2, 0);
	NO_OUTCOME("request", client, raw, why, -2, 0);
	NO_OUTCOME("error", client, r, NULL, -2, 0);
	const int64_t no_ms[] = { -3, INT64_MIN, 2147483648, INT64_MAX };
	for (size_t i = 0; i < COUNT(no_ms); i++) {
		NO_OUTCOME("timeout_ms", client, r, why, no_ms[i], 0);
		NO_OUTCOME("settle_ms", client, r, why, -2, no_ms[i]);
	}
	NO_OUTCOME("timeout_ms", client, r, why, 0, 0);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_outcome_resolve(client, r, why, -2, 0, NULL, e));
	etcd_v2_error_free(why);
	etcd_v2_request_free(r);
	etcd_v2_request_free(get);
	etcd_v2_request_free(raw);
}

static void no_outcome(void)
{
	CHECK_INT(etcd_v2_error_known_index(NULL), 0);
	CHECK_INT(etcd_v2_outcome_state(NULL), 0);
	CHECK(!etcd_v2_outcome_is_final(NULL));
	CHECK_INT(etcd_v2_outcome_modified_index(NULL), 0);
	CHECK_INT(etcd_v2_outcome_etcd_index(NULL), 0);
	CHECK(etcd_v2_outcome_message(NULL) == NULL);
	CHECK(etcd_v2_outcome_response(NULL) == NULL);
	etcd_v2_outcome_free(NULL);
	etcd_v2_outcome_free(NULL);
}

static void right_outcome(void)
{
	etcd_v2_error *why = promise();
	etcd_v2_request *r;
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, "/k", &r, &error));
	etcd_v2_outcome *outcome;
	CHECK_INT(etcd_v2_outcome_resolve(client, r, why, 2147483647, 2147483647, &outcome, NULL), ETCD_V2_OK);
	CHECK_INT(etcd_v2_error_known_index(why), 0);
	etcd_v2_request_free(r);
	etcd_v2_error_free(why);
	CHECK_INT(etcd_v2_outcome_state(outcome), ETCD_V2_WRITE_NOT_APPLIED);
	CHECK(etcd_v2_outcome_is_final(outcome));
	CHECK_INT(etcd_v2_outcome_modified_index(outcome), 0);
	CHECK_INT(etcd_v2_outcome_etcd_index(outcome), 0);
	CHECK(strstr(etcd_v2_outcome_message(outcome), "not applied") != NULL);
	CHECK(etcd_v2_outcome_response(outcome) == NULL);
	etcd_v2_outcome_free(outcome);
}

#endif
