/* Options, endpoints, clients and tokens with one parameter wrong. */

#ifndef MISUSE_OPTIONS_H
#define MISUSE_OPTIONS_H

#include "refusal.h"


#define MS_REFUSED(name, also_infinite)                                                                             \
	do {                                                                                                   \
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_##name(NULL, 1000, e));                        \
		const int64_t no_ms[] = { 0, -3, INT64_MIN, 2147483648, INT64_MAX };                           \
		for (size_t i = 0; i < COUNT(no_ms); i++)                                                      \
			REFUSED(ETCD_V2_INVALID_ARGUMENT, #name, etcd_v2_options_set_##name(options, no_ms[i], e));                  \
		if (also_infinite)                                                                                    \
			REFUSED(ETCD_V2_INVALID_ARGUMENT, #name, etcd_v2_options_set_##name(options, ETCD_V2_TIMEOUT_INFINITE, e));                         \
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

/* The password is nobody's business. */
#define NO_CREDENTIALS(parameter, user, password)                                                              \
	do {                                                                                                   \
		REFUSED(ETCD_V2_INVALID_ARGUMENT, parameter,                                                   \
			etcd_v2_options_set_credentials(options, user, password, e));                          \
		REFUSED(ETCD_V2_INVALID_ARGUMENT, parameter,                                                   \
			etcd_v2_client_set_credentials(client, user, password, e));                            \
		etcd_v2_error *why = NULL;                                                                     \
		CHECK_INT(etcd_v2_client_set_credentials(client, user, password, &why),                        \
			  ETCD_V2_INVALID_ARGUMENT);                                                           \
		CHECK(strstr(etcd_v2_error_message(why), "hunter2") == NULL);                                  \
		etcd_v2_error_free(why);                                                                       \
	} while (0)

static void wrong_credentials(void)
{
	etcd_v2_options *options;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_credentials(NULL, "me", "hunter2", e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_client_set_credentials(NULL, "me", "hunter2", e));
	NO_CREDENTIALS("user", NULL, "hunter2");
	NO_CREDENTIALS("user", "", "hunter2");
	NO_CREDENTIALS("user", "me:hunter2", "x");
	NO_CREDENTIALS("user", "me\n", "hunter2");
	NO_CREDENTIALS("password", "me", NULL);
	NO_CREDENTIALS("password", "me", "hunter2\n");
	NO_CREDENTIALS("password", "me", "hunter2\x7f");
	char *longer = repeat("hunter2", 'x', 1024);
	NO_CREDENTIALS("user", longer, "x");
	NO_CREDENTIALS("password", "me", longer);
	free(longer);
	REFUSED(ETCD_V2_NOT_UTF8, "user", etcd_v2_options_set_credentials(options, "\xff", "x", e));
	REFUSED(ETCD_V2_NOT_UTF8, "password", etcd_v2_client_set_credentials(client, "me", "\xff", e));
	etcd_v2_options_free(options);
}

static void wrong_options(void)
{
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_options_new(NULL, e));
	etcd_v2_options *options;
	CHECK_OK(etcd_v2_options_new(&options, &error));

	MS_REFUSED(timeout_ms, false);
	MS_REFUSED(attempt_timeout_ms, false);
	MS_REFUSED(connect_timeout_ms, false);
	MS_REFUSED(poll_timeout_ms, true);
	MS_REFUSED(idle_timeout_ms, false);
	MS_REFUSED(sync_interval_ms, false);
	MS_REFUSED(tcp_user_timeout_ms, false);
	MS_REFUSED(hedge_delay_ms, false);
	MS_REFUSED(max_connection_age_ms, false);

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

	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_stale_policy(NULL, ETCD_V2_STALE_REPORT, e));
	const int32_t no_choice[] = { -1, 0, 4, INT32_MAX, INT32_MIN };
	for (size_t i = 0; i < COUNT(no_choice); i++)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "stale_policy", etcd_v2_options_set_stale_policy(options, no_choice[i], e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_selection(NULL, ETCD_V2_SELECT_LEADER, e));
	for (size_t i = 0; i < COUNT(no_choice); i++)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "selection", etcd_v2_options_set_selection(options, no_choice[i], e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_random_start(NULL, true, e));

	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_tcp_keepalive(NULL, 1, 1, 1, e));
	const int64_t no_number[] = { -1, INT64_MIN, 1000000, INT64_MAX };
	for (size_t i = 0; i < COUNT(no_number); i++) {
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "idle_s",
		       etcd_v2_options_set_tcp_keepalive(options, no_number[i], 1, 1, e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "interval_s",
		       etcd_v2_options_set_tcp_keepalive(options, 1, no_number[i], 1, e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "count",
		       etcd_v2_options_set_tcp_keepalive(options, 1, 1, no_number[i], e));
	}
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "interval_s", etcd_v2_options_set_tcp_keepalive(options, 1, 0, 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "count", etcd_v2_options_set_tcp_keepalive(options, 1, 1, 0, e));

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
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_cancel_token_new(NULL, e));
}

#endif
