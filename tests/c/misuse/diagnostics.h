/* Who listens, and what they are told: with one parameter wrong, and when nothing is. */

#ifndef MISUSE_DIAGNOSTICS_H
#define MISUSE_DIAGNOSTICS_H

#include "refusal.h"

static int listeners_let_go, lines_told, commands_told, traces_told, retries_told;

static void let_listener_go(void *user) { __atomic_add_fetch((int *)user, 1, __ATOMIC_SEQ_CST); }

static void on_line(int32_t level, const char *line, void *user)
{
	CHECK(level >= ETCD_V2_LOG_ERROR && level <= ETCD_V2_LOG_DEBUG);
	CHECK(strchr(line, '\n') == NULL && strstr(line, "hunter2") == NULL);
	__atomic_add_fetch((int *)user, 1, __ATOMIC_SEQ_CST);
	lines_told++;
}

static void on_command(const char *command, void *user)
{
	(void)user;
	CHECK(strstr(command, "curl ") != NULL && strchr(command, '\n') == NULL);
	commands_told++;
}

static void on_trace(const etcd_v2_trace *trace, void *user)
{
	(void)user;
	int32_t moment = etcd_v2_trace_kind(trace);
	CHECK(moment >= ETCD_V2_TRACE_BEGIN && moment <= ETCD_V2_TRACE_END);
	CHECK(etcd_v2_trace_request_id(trace) > 0 && !etcd_v2_trace_is_watch(trace));
	CHECK(strlen(etcd_v2_trace_method(trace)) >= 3);
	CHECK(strstr(etcd_v2_trace_target(trace), "/v2/") != NULL);
	CHECK((etcd_v2_trace_endpoint(trace)[0] == '\0') == (moment == ETCD_V2_TRACE_BEGIN));
	CHECK((etcd_v2_trace_attempt_count(trace) == 0) == (moment == ETCD_V2_TRACE_BEGIN));
	int64_t total = etcd_v2_trace_time_ns(trace, ETCD_V2_PHASE_NONE);
	for (int32_t phase = ETCD_V2_PHASE_RESOLVE; phase <= ETCD_V2_PHASE_BODY; phase++)
		CHECK(etcd_v2_trace_time_ns(trace, phase) >= 0 && etcd_v2_trace_time_ns(trace, phase) <= total);
	CHECK(etcd_v2_trace_time_ns(trace, 7) == 0 && etcd_v2_trace_time_ns(trace, INT32_MIN) == 0);
	uint64_t sent = etcd_v2_trace_bytes_sent(trace), received = etcd_v2_trace_bytes_received(trace);
	bool failed = etcd_v2_trace_phase(trace) != ETCD_V2_PHASE_NONE;
	CHECK(!failed || etcd_v2_trace_message(trace)[0] != '\0');
	if (moment == ETCD_V2_TRACE_ATTEMPT)
		CHECK(failed != (received > 0));
	else
		CHECK(sent == 0 && received == 0 && !etcd_v2_trace_is_reused(trace));
	if (moment != ETCD_V2_TRACE_END)
		CHECK_INT(etcd_v2_trace_status(trace), ETCD_V2_OK);
	CHECK(etcd_v2_trace_http_status(trace) >= 0);
	traces_told++;
}

static int64_t on_retry(const etcd_v2_retry *retry, void *user)
{
	(void)user;
	CHECK_INT(etcd_v2_retry_attempt_count(retry), retries_told + 1);
	CHECK_TEXT(etcd_v2_retry_method(retry), "GET");
	CHECK_TEXT(etcd_v2_retry_target(retry), "/v2/keys/k");
	CHECK_INT(etcd_v2_error_http_status(etcd_v2_retry_error(retry)), 0);
	CHECK_INT(etcd_v2_error_status(etcd_v2_retry_error(retry)), ETCD_V2_UNREACHABLE);
	return ++retries_told < 4 ? 1 : ETCD_V2_RETRY_STOP;
}

#define LISTEN(name) etcd_v2_options_set_##name

static void wrong_listeners(void)
{
	etcd_v2_options *o_;
	CHECK_OK(etcd_v2_options_new(&o_, &error));
	void *user = &listeners_let_go;
	listeners_let_go = 0;
	/* every call that is refused has let go of what it was given; each is made twice */
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", LISTEN(log_callback)(NULL, ETCD_V2_LOG_INFO, on_line, user, let_listener_go, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "callback", LISTEN(log_callback)(o_, ETCD_V2_LOG_INFO, NULL, user, let_listener_go, e));
	const int32_t no_level[] = { 0, -1, 5, INT32_MAX, INT32_MIN };
	for (size_t i = 0; i < COUNT(no_level); i++)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "level", LISTEN(log_callback)(o_, no_level[i], on_line, user, let_listener_go, e));
	CHECK_INT(listeners_let_go, 14);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", LISTEN(curl_callback)(NULL, on_command, user, let_listener_go, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "callback", LISTEN(curl_callback)(o_, NULL, user, let_listener_go, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", LISTEN(trace_callback)(NULL, on_trace, user, let_listener_go, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "callback", LISTEN(trace_callback)(o_, NULL, user, let_listener_go, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", LISTEN(retry_callback)(NULL, on_retry, user, let_listener_go, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "callback", LISTEN(retry_callback)(o_, NULL, user, let_listener_go, e));
	CHECK_INT(listeners_let_go, 26);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "callback", LISTEN(curl_callback)(o_, NULL, NULL, NULL, e));
	etcd_v2_options_free(o_);
	CHECK_INT(listeners_let_go, 26);

	REFUSED_OUT(etcd_v2_counters, ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_client_counters(NULL, o, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_client_counters(client, NULL, e));
}

static void nothing_to_tell(void)
{
	CHECK_INT(etcd_v2_trace_kind(NULL), 0);
	CHECK_INT(etcd_v2_trace_request_id(NULL), 0);
	CHECK(!etcd_v2_trace_is_watch(NULL) && !etcd_v2_trace_is_reused(NULL));
	CHECK(etcd_v2_trace_method(NULL) == NULL && etcd_v2_trace_target(NULL) == NULL);
	CHECK(etcd_v2_trace_endpoint(NULL) == NULL && etcd_v2_trace_message(NULL) == NULL);
	CHECK_INT(etcd_v2_trace_phase(NULL), ETCD_V2_PHASE_NONE);
	CHECK_INT(etcd_v2_trace_attempt_count(NULL), 0);
	CHECK_INT(etcd_v2_trace_status(NULL), 0);
	CHECK_INT(etcd_v2_trace_http_status(NULL), 0);
	CHECK_INT(etcd_v2_trace_time_ns(NULL, ETCD_V2_PHASE_NONE), 0);
	CHECK_INT(etcd_v2_trace_time_ns(NULL, ETCD_V2_PHASE_HEAD), 0);
	CHECK_INT(etcd_v2_trace_bytes_sent(NULL), 0);
	CHECK_INT(etcd_v2_trace_bytes_received(NULL), 0);

	CHECK(etcd_v2_retry_error(NULL) == NULL);
	CHECK(etcd_v2_retry_method(NULL) == NULL && etcd_v2_retry_target(NULL) == NULL);
	CHECK_INT(etcd_v2_retry_attempt_count(NULL), 0);

	CHECK_INT(etcd_v2_counters_count(NULL), 0);
	CHECK(etcd_v2_counters_endpoint(NULL) == NULL && etcd_v2_counters_endpoint_at(NULL, 0) == NULL);
	CHECK_INT(etcd_v2_counters_at(NULL, 0), 0);
	CHECK_INT(etcd_v2_counters_endpoint_count(NULL), 0);
	etcd_v2_counters_free(NULL);
}

static void right_counters(const etcd_v2_client *of, const char *url)
{
	etcd_v2_counters *counters;
	CHECK_OK(etcd_v2_client_counters(of, &counters, &error));
	size_t count = etcd_v2_counters_count(counters);
	CHECK(count > ETCD_V2_COUNTER_WATCH_GAPS);
	for (size_t i = 0; i < count; i++)
		CHECK(strlen(etcd_v2_counter_name(i)) > 3);
	CHECK_TEXT(etcd_v2_counter_name(ETCD_V2_COUNTER_BYTES_SENT), "bytes_sent");
	CHECK(etcd_v2_counter_name(count) == NULL);
	CHECK(etcd_v2_counter_name(SIZE_MAX) == NULL);
	CHECK_TEXT(etcd_v2_counters_endpoint(counters), "");
	CHECK_INT(etcd_v2_counters_at(counters, count), 0);
	CHECK_INT(etcd_v2_counters_at(counters, ETCD_V2_COUNTER_REQUESTS), 1);
	CHECK_INT(etcd_v2_counters_at(counters, ETCD_V2_COUNTER_IN_FLIGHT), 0);
	CHECK_INT(etcd_v2_counters_endpoint_count(counters), 1);
	const etcd_v2_counters *member = etcd_v2_counters_endpoint_at(counters, 0);
	CHECK_TEXT(etcd_v2_counters_endpoint(member), url);
	CHECK_INT(etcd_v2_counters_count(member), count);
	CHECK_INT(etcd_v2_counters_at(member, ETCD_V2_COUNTER_BYTES_SENT),
		  etcd_v2_counters_at(counters, ETCD_V2_COUNTER_BYTES_SENT));
	CHECK_INT(etcd_v2_counters_at(member, SIZE_MAX), 0);
	CHECK_INT(etcd_v2_counters_endpoint_count(member), 0);
	CHECK(etcd_v2_counters_endpoint_at(member, 0) == NULL);
	CHECK(etcd_v2_counters_endpoint_at(counters, 1) == NULL);
	CHECK(etcd_v2_counters_endpoint_at(counters, SIZE_MAX) == NULL);
	etcd_v2_counters_free(counters);
}

/* Everybody listens, at a member that is there and at one that is not. */
static void right_listeners(const char *url)
{
	int told = 0;
	void *user = &listeners_let_go;
	const char *const urls[] = { url, "http://127.0.0.1:1" };
	for (size_t i = 0; i < COUNT(urls); i++) {
		listeners_let_go = lines_told = commands_told = traces_told = retries_told = told = 0;
		etcd_v2_options *o;
		etcd_v2_client *loud;
		CHECK_OK(etcd_v2_options_new(&o, &error));
		CHECK_OK(etcd_v2_options_add_endpoint(o, urls[i], &error));
		/* nothing is asked twice because it was slow */
		CHECK_OK(etcd_v2_options_set_timeout_ms(o, 120000, &error));
		/* the second replaces the first */
		CHECK_OK(LISTEN(curl_callback)(o, on_command, user, let_listener_go, &error));
		CHECK_OK(LISTEN(curl_callback)(o, on_command, user, let_listener_go, &error));
		CHECK_INT(listeners_let_go, 1);
		CHECK_OK(LISTEN(log_callback)(o, ETCD_V2_LOG_DEBUG, on_line, &told, NULL, &error));
		CHECK_OK(LISTEN(trace_callback)(o, on_trace, user, let_listener_go, &error));
		CHECK_OK(LISTEN(retry_callback)(o, on_retry, user, let_listener_go, &error));
		CHECK_OK(etcd_v2_client_new(o, &loud, &error));
		etcd_v2_options_free(o);
		CHECK_INT(listeners_let_go, 1);
		if (i == 0) {
			CHECK_STATUS(etcd_v2_get(loud, "/misuse-no-such-key", 0, NULL, &error), ETCD_V2_KEY_NOT_FOUND);
			CHECK_INT(commands_told, 1);
			CHECK_INT(traces_told, 3);
			right_counters(loud, urls[i]);
		} else {
			CHECK_STATUS(etcd_v2_get(loud, "/k", 0, NULL, &error), ETCD_V2_UNREACHABLE);
			CHECK_INT(retries_told, 4);
			CHECK_INT(commands_told, 4);
			CHECK_INT(traces_told, 6);
		}
		CHECK(told > 1 && told == lines_told);
		etcd_v2_client_free(loud);
		CHECK_INT(listeners_let_go, 4);
	}
}

#endif
