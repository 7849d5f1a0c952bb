/* The same with everything valid: it was the one parameter that was refused. */

#ifndef MISUSE_RIGHT_H
#define MISUSE_RIGHT_H

#include "config.h"
#include "diagnostics.h"
#include "outcome.h"
#include "endpoints.h"
#include "admin.h"
#include "requests.h"
#include "tls.h"
#include "watching.h"
#include "verbs.h"


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
					       .ttl = v->takes & TTL_NEEDED ? 5 : 0, .timeout_ms = 60000,
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
	CHECK_INT(etcd_v2_watch_once(client, key("never"), UINT64_MAX, 0, 1, NULL, NULL), ETCD_V2_TIMEOUT);
}

static void right_options(const char *url)
{
	etcd_v2_options *options;
	CHECK_INT(etcd_v2_options_new(&options, NULL), ETCD_V2_OK);
	CHECK_INT(etcd_v2_options_add_endpoint(options, url, NULL), ETCD_V2_OK);
	const int64_t ms[] = { 2147483647, 1000 };
	for (size_t i = 0; i < COUNT(ms); i++) {
		CHECK_OK(etcd_v2_options_set_timeout_ms(options, ms[i], &error));
		CHECK_OK(etcd_v2_options_set_attempt_timeout_ms(options, ms[i], &error));
		CHECK_OK(etcd_v2_options_set_connect_timeout_ms(options, ms[i], &error));
		CHECK_OK(etcd_v2_options_set_poll_timeout_ms(options, ms[i], &error));
		CHECK_OK(etcd_v2_options_set_idle_timeout_ms(options, ms[i], &error));
		CHECK_OK(etcd_v2_options_set_tcp_user_timeout_ms(options, ms[i], &error));
		CHECK_OK(etcd_v2_options_set_hedge_delay_ms(options, ms[i], &error));
		CHECK_OK(etcd_v2_options_set_max_connection_age_ms(options, ms[i], &error));
	}
	CHECK_OK(etcd_v2_options_set_timeout_ms(options, 20000, &error));
	CHECK_OK(etcd_v2_options_set_tcp_user_timeout_ms(options, ETCD_V2_TIMEOUT_INFINITE, &error));
	CHECK_OK(etcd_v2_options_set_hedge_delay_ms(options, ETCD_V2_TIMEOUT_INFINITE, &error));
	CHECK_OK(etcd_v2_options_set_max_connection_age_ms(options, ETCD_V2_TIMEOUT_INFINITE, &error));
	CHECK_OK(etcd_v2_options_set_attempt_timeout_ms(options, ETCD_V2_TIMEOUT_DEFAULT, &error));
	CHECK_OK(etcd_v2_options_set_max_response_bytes(options, 1 << 20, &error));
	CHECK_OK(etcd_v2_options_set_max_nodes(options, 1000, &error));
	CHECK_OK(etcd_v2_options_set_max_depth(options, 10, &error));
	CHECK_OK(etcd_v2_options_set_max_idle_connections(options, 0, &error));
	for (int32_t stale = ETCD_V2_STALE_IGNORE; stale <= ETCD_V2_STALE_REJECT; stale++)
		CHECK_OK(etcd_v2_options_set_stale_policy(options, stale, &error));
	for (int32_t selection = ETCD_V2_SELECT_LEADER; selection >= ETCD_V2_SELECT_STICKY; selection--)
		CHECK_OK(etcd_v2_options_set_selection(options, selection, &error));
	CHECK_OK(etcd_v2_options_set_random_start(options, true, &error));
	CHECK_OK(etcd_v2_options_set_random_start(options, false, &error));
	CHECK_OK(etcd_v2_options_set_tcp_keepalive(options, 1, 1, 1, &error));
	CHECK_OK(etcd_v2_options_set_tcp_keepalive(options, 0, 0, 0, &error));
	CHECK_OK(etcd_v2_options_set_credentials(options, NULL, NULL, &error));
	CHECK_OK(etcd_v2_options_set_credentials(options, "me", "", &error));
	/* a refused setter changes nothing, and the client does not need its options */
	CHECK_INT(etcd_v2_options_add_endpoint(options, "gopher://127.0.0.1", NULL), ETCD_V2_INVALID_ARGUMENT);
	CHECK_INT(etcd_v2_options_set_timeout_ms(options, 0, NULL), ETCD_V2_INVALID_ARGUMENT);
	etcd_v2_client *other;
	CHECK_INT(etcd_v2_client_new(options, &other, NULL), ETCD_V2_OK);
	etcd_v2_options_free(options);
	CHECK_OK(etcd_v2_set(other, key("o"), "v", 0, NULL, &error));
	CHECK_OK(etcd_v2_client_set_credentials(other, "you", "pass:word", &error));
	CHECK_OK(etcd_v2_set(other, key("o"), "v", 0, NULL, &error));
	CHECK_INT(etcd_v2_client_set_credentials(other, NULL, NULL, NULL), ETCD_V2_OK);
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
			CHECK_INT(etcd_v2_request_set_ttl(r, 0, NULL), ETCD_V2_OK);
		if (op->prev)
			CHECK_INT(etcd_v2_request_set_prev_value(r, "p", 1, NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_set_flags(r, op->flags & ~(uint32_t)ETCD_V2_DIR, NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_set_flags(r, 0, NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_set_timeout_ms(r, 20000, NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_set_cancel(r, token, NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_set_cancel(r, NULL, NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_set_idempotent(r, op->repeat, NULL), ETCD_V2_OK);
		CHECK_INT(etcd_v2_request_set_idempotent(r, false, NULL), ETCD_V2_OK);
		/* a refused setter leaves what was set */
		CHECK_INT(etcd_v2_request_set_value(r, "\xff", 1, NULL),
			  op->value ? ETCD_V2_NOT_UTF8 : ETCD_V2_INVALID_ARGUMENT);
		CHECK_INT(etcd_v2_request_set_flags(r, 1u << 31, NULL), ETCD_V2_INVALID_ARGUMENT);
		CHECK_INT(etcd_v2_request_set_ttl(r, -1, NULL), ETCD_V2_INVALID_ARGUMENT);
		CHECK_INT(etcd_v2_request_set_prev_value(r, "", 0, NULL), ETCD_V2_INVALID_ARGUMENT);
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

	CHECK_OK(etcd_v2_request_new_raw("GET", "/version", NULL, 0, NULL, &r, NULL));
	CHECK_OK(etcd_v2_request_set_timeout_ms(r, 20000, &error));
	CHECK_OK(etcd_v2_request_set_cancel(r, token, &error));
	RIGHT(etcd_v2_execute(client, r, o, e));
	RIGHT_UNHEARD(etcd_v2_execute(client, r, o, e));
	etcd_v2_request_free(r);
	char path[160];
	snprintf(path, sizeof path, "/v2/keys%s", key("raw"));
	CHECK_OK(etcd_v2_request_new_raw("PUT", path, "value=v", 7, "application/x-www-form-urlencoded", &r, &error));
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
	CHECK(etcd_v2_node_child_at(d, 2) == NULL && etcd_v2_node_child_at(d, SIZE_MAX) == NULL);
	CHECK(etcd_v2_node_child_at(d, (size_t)1 << 32) == NULL);
	const etcd_v2_node *a = etcd_v2_node_child_at(d, 0), *b = etcd_v2_node_child_at(d, 1);
	CHECK_TEXT(etcd_v2_node_key(a, NULL), key("d/a"));
	CHECK(etcd_v2_node_child_at(a, 0) == NULL && etcd_v2_node_child_count(a) == 0);
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
	CHECK_TEXT(etcd_v2_error_etcd_message(e), "Key not found");
	CHECK(strstr(etcd_v2_error_body(e, NULL), "\"errorCode\":100") != NULL);
	CHECK(etcd_v2_error_etcd_index(e) > 0 && etcd_v2_error_endpoint(e) != NULL);
	const char *endpoint = BEFORE, *text = BEFORE;
	int32_t phase = 7;
	CHECK(!etcd_v2_error_attempt_at(e, SIZE_MAX, &endpoint, &phase, &text, &number));
	CHECK(endpoint == NULL && phase == 0 && text == NULL && number == 0);
	CHECK(etcd_v2_error_body(e, NULL) != NULL);
	etcd_v2_error_free(e);

	/* an error that has attempts: nobody listens on port 1 */
	etcd_v2_client *nobody;
	CHECK_OK(etcd_v2_client_open("http://127.0.0.1:1", &nobody, &error));
	CHECK_INT(etcd_v2_get(nobody, "/k", 0, NULL, &e), ETCD_V2_UNREACHABLE);
	etcd_v2_client_free(nobody);
	size_t attempts = etcd_v2_error_attempt_count(e);
	CHECK(attempts > 0);
	CHECK(etcd_v2_error_attempt_at(e, attempts - 1, NULL, NULL, NULL, NULL));
	CHECK(etcd_v2_error_attempt_at(e, 0, &endpoint, &phase, &text, &number));
	CHECK_TEXT(endpoint, "http://127.0.0.1:1");
	CHECK_INT(phase, ETCD_V2_PHASE_CONNECT);
	CHECK_TEXT(etcd_v2_phase_name(phase), "connect");
	CHECK(etcd_v2_phase_name(-1)[0] == '\0' && etcd_v2_phase_name(INT32_MAX)[0] == '\0');
	CHECK(text[0] != '\0' && number >= 0);
	CHECK(!etcd_v2_error_attempt_at(e, attempts, &endpoint, &phase, &text, &number));
	CHECK(endpoint == NULL && phase == 0 && text == NULL && number == 0);
	CHECK_INT(etcd_v2_error_phase(e), ETCD_V2_PHASE_CONNECT);
	CHECK(etcd_v2_error_is_retriable(e) && !etcd_v2_error_is_outcome_unknown(e));
	etcd_v2_error_free(e);
}

/* Parents before children, children before parents. */
static void right_orders_of_freeing(const char *url)
{
	for (int order = 0; order < 4; order++) {
		etcd_v2_options *options;
		etcd_v2_client *c;
		etcd_v2_cancel_token *t;
		etcd_v2_request *q;
		etcd_v2_response *r;
		etcd_v2_error *e;
		CHECK_OK(etcd_v2_options_new(&options, &error));
		CHECK_OK(etcd_v2_options_add_endpoint(options, url, &error));
		CHECK_OK(etcd_v2_client_new(options, &c, &error));
		CHECK_OK(etcd_v2_cancel_token_new(&t, &error));
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
			etcd_v2_cancel_token_free(t);
			etcd_v2_options_free(options);
		}
		CHECK_OK(etcd_v2_execute(c, q, &r, &error));
		CHECK_INT(etcd_v2_get(c, key("none"), 0, NULL, &e), ETCD_V2_KEY_NOT_FOUND);
		if (order & 2) {
			etcd_v2_client_free(c);
			etcd_v2_request_free(q);
		}
		CHECK_TEXT(etcd_v2_node_value(etcd_v2_response_node(r), NULL), "abc");
		CHECK_TEXT(etcd_v2_node_key(etcd_v2_response_node(r), NULL), key("f"));
		CHECK(strstr(etcd_v2_response_body(r, NULL), "abc") != NULL);
		CHECK(strlen(etcd_v2_error_message(e)) > 0 && strlen(etcd_v2_error_endpoint(e)) > 0);
		etcd_v2_response_free(r);
		etcd_v2_error_free(e);
		if (!(order & 2)) {
			etcd_v2_request_free(q);
			etcd_v2_client_free(c);
		}
		if (!(order & 1)) {
			CHECK(!etcd_v2_cancel_token_is_cancelled(t));
			etcd_v2_cancel_token_cancel(t);
			etcd_v2_cancel_token_cancel(t);
			CHECK(etcd_v2_cancel_token_is_cancelled(t));
			etcd_v2_cancel_token_free(t);
			etcd_v2_options_free(options);
		}
	}
	/* fired before it begins, and freed before it runs */
	etcd_v2_cancel_token *t;
	etcd_v2_request *q;
	CHECK_OK(etcd_v2_cancel_token_new(&t, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, key("cancelled"), &q, &error));
	CHECK_OK(etcd_v2_request_set_cancel(q, t, &error));
	etcd_v2_cancel_token_cancel(t);
	etcd_v2_client *ended;
	CHECK_OK(etcd_v2_client_with(client, ETCD_V2_TIMEOUT_INFINITE, t, &ended, &error));
	CHECK_STATUS(etcd_v2_watch_once(ended, key("w"), 0, 0, -1, NULL, &error), ETCD_V2_CANCELLED);
	etcd_v2_cancel_token_free(t);
	CHECK_STATUS(etcd_v2_get(ended, key("w"), 0, NULL, &error), ETCD_V2_CANCELLED);
	etcd_v2_client_free(ended);
	/* a handle outlives its client, and is of no use then */
	etcd_v2_client *first, *other;
	etcd_v2_watcher *watcher;
	CHECK_OK(etcd_v2_client_open(NULL, &first, &error));
	CHECK_OK(etcd_v2_client_with(first, ETCD_V2_TIMEOUT_DEFAULT, NULL, &ended, &error));
	etcd_v2_client_free(first);
	CHECK_STATUS(etcd_v2_get(ended, "/k", 0, NULL, &error), ETCD_V2_CLOSED);
	CHECK_STATUS(etcd_v2_member_list(ended, NULL, &error), ETCD_V2_CLOSED);
	CHECK_STATUS(etcd_v2_watch(ended, "/k", NULL, &watcher, &error), ETCD_V2_CLOSED);
	CHECK_STATUS(etcd_v2_client_with(ended, 1000, NULL, &other, &error), ETCD_V2_CLOSED);
	CHECK(watcher == NULL && other == NULL);
	etcd_v2_client_free(ended);
	CHECK_STATUS(etcd_v2_execute(client, q, NULL, &error), ETCD_V2_CANCELLED);
	CHECK(!etcd_v2_error_is_outcome_unknown(error));
	etcd_v2_request_free(q);
	CHECK_STATUS(etcd_v2_get(client, key("cancelled"), 0, NULL, &error), ETCD_V2_KEY_NOT_FOUND);
}

static void right(const char *url, const char *prefix)
{
	snprintf(under, sizeof under, "%s", prefix);
	client = patient_client(url);
	CHECK_OK(etcd_v2_cancel_token_new(&token, &error));
	right_verbs();
	right_options(url);
	right_endpoints(url);
	right_requests();
	right_accessors();
	right_orders_of_freeing(url);
	right_watcher(key("watched"));
	right_submit(key("submitted"));
	right_config(url);
	right_listeners(url);
	right_outcome();
	right_admin(url);
	right_tls();
	etcd_v2_cancel_token_free(token);
	etcd_v2_client_free(client);
}

#endif
