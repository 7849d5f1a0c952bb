/* NULL and numbers beyond the end, where nothing can fail. */

#ifndef MISUSE_NOTHING_H
#define MISUSE_NOTHING_H

#include "refusal.h"


static void nothing_to_read(void)
{
	CHECK_INT(etcd_v2_error_status(NULL), 0);
	CHECK(etcd_v2_error_message(NULL) == NULL);
	CHECK(etcd_v2_error_cause(NULL) == NULL && etcd_v2_error_etcd_message(NULL) == NULL);
	CHECK_INT(etcd_v2_error_etcd_code(NULL), 0);
	CHECK_INT(etcd_v2_error_http_status(NULL), 0);
	CHECK_INT(etcd_v2_error_etcd_index(NULL), 0);
	CHECK(etcd_v2_error_endpoint(NULL) == NULL);
	CHECK_INT(etcd_v2_error_phase(NULL), ETCD_V2_PHASE_NONE);
	CHECK(!etcd_v2_error_is_retriable(NULL));
	CHECK(!etcd_v2_error_is_outcome_unknown(NULL));
	CHECK(!etcd_v2_error_is_stale(NULL));
	CHECK(!etcd_v2_response_is_stale(NULL));
	CHECK_INT(etcd_v2_error_attempt_count(NULL), 0);
	const char *endpoint = BEFORE, *text = BEFORE;
	int32_t phase = 7;
	int64_t number = 7;
	CHECK(!etcd_v2_error_attempt_at(NULL, 0, &endpoint, &phase, &text, &number));
	CHECK(endpoint == NULL && phase == 0 && text == NULL && number == 0);
	CHECK(!etcd_v2_error_attempt_at(NULL, SIZE_MAX, NULL, NULL, NULL, NULL));
	size_t length = 7;
	CHECK(etcd_v2_error_body(NULL, &length) == NULL && length == 0);
	CHECK(etcd_v2_error_body(NULL, NULL) == NULL);

	etcd_v2_cancel_token_cancel(NULL);
	CHECK(!etcd_v2_cancel_token_is_cancelled(NULL));

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

	CHECK(etcd_v2_node_key(NULL, NULL) == NULL);
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
	CHECK(etcd_v2_node_child_at(NULL, 0) == NULL);
	CHECK(etcd_v2_node_child_at(NULL, SIZE_MAX) == NULL);

	for (int again = 0; again < 2; again++) {
		etcd_v2_error_free(NULL);
		etcd_v2_cancel_token_free(NULL);
		etcd_v2_options_free(NULL);
		etcd_v2_client_free(NULL);
		etcd_v2_request_free(NULL);
		etcd_v2_response_free(NULL);
	}
}

static void numbers_without_a_name(void)
{
	const etcd_v2_status no_status[] = { -1, 1, 99, 999, 1099, 1999, 65636, INT32_MAX, INT32_MIN };
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

#endif
