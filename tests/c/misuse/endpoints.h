/* The list of members: with one parameter wrong, with nothing, and with everything right. */

#ifndef MISUSE_ENDPOINTS_H
#define MISUSE_ENDPOINTS_H

#include "options.h"


static size_t known(void)
{
	etcd_v2_endpoints *list;
	CHECK_OK(etcd_v2_client_endpoints(client, &list, &error));
	size_t count = etcd_v2_endpoints_count(list);
	CHECK(etcd_v2_endpoints_at(list, count) == NULL);
	CHECK(etcd_v2_endpoints_at(list, SIZE_MAX) == NULL);
	etcd_v2_endpoints_free(list);
	return count;
}

static void wrong_endpoints(void)
{
	REFUSED_OUT(etcd_v2_endpoints, ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_client_endpoints(NULL, o, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_client_endpoints(client, NULL, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_client_set_endpoints(NULL, "127.0.0.1:1", e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "urls", etcd_v2_client_set_endpoints(client, NULL, e));
	for (size_t i = 0; i < COUNT(NO_ENDPOINT); i++) {
		char list[600];
		snprintf(list, sizeof list, "127.0.0.1:2,%s", NO_ENDPOINT[i]);
		etcd_v2_error *told = BEFORE;
		check_endpoint(etcd_v2_client_set_endpoints(client, list, &told), &told, ETCD_V2_INVALID_ARGUMENT,
			       "urls", list, __LINE__);
	}
	REFUSED(ETCD_V2_NOT_UTF8, "urls", etcd_v2_client_set_endpoints(client, NOT_UTF8[0], e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_sync(NULL, e));
	const int64_t no_ms[] = { 0, -3, INT64_MIN, 2147483648, INT64_MAX };
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_wait_ready(NULL, 1000, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "out", etcd_v2_client_with(client, 1000, token, NULL, e));
	REFUSED_OUT(etcd_v2_client, ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_client_with(NULL, 1000, token, o, e));
	for (size_t i = 0; i < COUNT(no_ms); i++) {
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "timeout_ms", etcd_v2_wait_ready(client, no_ms[i], e));
		REFUSED_OUT(etcd_v2_client, ETCD_V2_INVALID_ARGUMENT, "timeout_ms",
			    etcd_v2_client_with(client, no_ms[i], token, o, e));
	}
	/* and nothing has changed */
	CHECK_INT(known(), 1);
}

static void wrong_discovery(void)
{
	static const char *const no_domain[] = { "", ".", "..", "a..b", ".a", "a b", "a/b", "http://a", "a:53", "a\n" };
	static const char *const no_server[] = { "", "a", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "localhost:53",
						 "::1:53", "[::1]", "http://127.0.0.1:53", " 127.0.0.1:53" };
	etcd_v2_options *options;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_discovery_srv(NULL, "example.com", NULL, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "domain", etcd_v2_options_set_discovery_srv(options, NULL, "blue", e));
	for (size_t i = 0; i < COUNT(no_domain); i++) {
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "domain",
			etcd_v2_options_set_discovery_srv(options, no_domain[i], NULL, e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "service_name",
			etcd_v2_options_set_discovery_srv(options, "example.com", no_domain[i], e));
	}
	for (size_t i = 0; i < COUNT(NOT_UTF8); i++) {
		REFUSED(ETCD_V2_NOT_UTF8, "domain",
			etcd_v2_options_set_discovery_srv(options, NOT_UTF8[i], NULL, e));
		REFUSED(ETCD_V2_NOT_UTF8, "service_name",
			etcd_v2_options_set_discovery_srv(options, "example.com", NOT_UTF8[i], e));
	}
	char *longer = repeat("", 'd', 1 << 20);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "domain", etcd_v2_options_set_discovery_srv(options, longer, NULL, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "address", etcd_v2_options_set_dns_server(options, longer, e));
	free(longer);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_dns_server(NULL, "127.0.0.1:53", e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "address", etcd_v2_options_set_dns_server(options, NULL, e));
	for (size_t i = 0; i < COUNT(no_server); i++)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "address", etcd_v2_options_set_dns_server(options, no_server[i], e));
	etcd_v2_options_free(options);
}

static void no_endpoints(void)
{
	CHECK_INT(etcd_v2_endpoints_count(NULL), 0);
	CHECK(etcd_v2_endpoints_at(NULL, 0) == NULL);
	CHECK(etcd_v2_endpoint_url(NULL) == NULL);
	CHECK_INT(etcd_v2_endpoint_source(NULL), -1);
	CHECK_INT(etcd_v2_endpoint_backoff_ms(NULL), 0);
	etcd_v2_endpoints_free(NULL);
}

static void right_endpoints(const char *url)
{
	etcd_v2_endpoints *list;
	CHECK_INT(known(), 1);
	char two[200];
	snprintf(two, sizeof two, "%s, http://127.0.0.1:1, %s", url, url);
	CHECK_OK(etcd_v2_client_set_endpoints(client, two, &error));
	CHECK_OK(etcd_v2_client_endpoints(client, &list, &error));
	CHECK_OK(etcd_v2_client_set_endpoints(client, url, NULL));
	/* a list is what it was when it was taken */
	CHECK_INT(etcd_v2_endpoints_count(list), 2);
	CHECK_TEXT(etcd_v2_endpoint_url(etcd_v2_endpoints_at(list, 0)), url);
	CHECK_TEXT(etcd_v2_endpoint_url(etcd_v2_endpoints_at(list, 1)), "http://127.0.0.1:1");
	for (size_t i = 0; i < 2; i++) {
		CHECK_INT(etcd_v2_endpoint_source(etcd_v2_endpoints_at(list, i)), ETCD_V2_ENDPOINT_SEED);
		/* on a busy machine an answer may have come too late */
		CHECK(etcd_v2_endpoint_backoff_ms(etcd_v2_endpoints_at(list, i)) >= 0);
	}
	etcd_v2_endpoints_free(list);
	CHECK_INT(known(), 1);

	/* a cluster of one knows nobody else */
	CHECK_OK(etcd_v2_sync(client, &error));
	CHECK_INT(etcd_v2_sync(client, NULL), ETCD_V2_OK);
	etcd_v2_client *derived, *again;
	CHECK_OK(etcd_v2_client_with(client, ETCD_V2_TIMEOUT_DEFAULT, NULL, &derived, &error));
	CHECK_OK(etcd_v2_sync(derived, &error));
	CHECK_OK(etcd_v2_client_with(derived, 60000, token, &again, &error));
	etcd_v2_client_free(derived);
	CHECK_OK(etcd_v2_sync(again, &error));
	etcd_v2_client_free(again);
	CHECK_INT(known(), 1);
	etcd_v2_cancel_token *fired;
	CHECK_OK(etcd_v2_cancel_token_new(&fired, &error));
	etcd_v2_cancel_token_cancel(fired);
	CHECK_OK(etcd_v2_client_with(client, 20000, fired, &derived, &error));
	CHECK_STATUS(etcd_v2_sync(derived, &error), ETCD_V2_CANCELLED);
	CHECK_STATUS(etcd_v2_wait_ready(derived, ETCD_V2_TIMEOUT_INFINITE, &error), ETCD_V2_CANCELLED);
	CHECK_STATUS(etcd_v2_member_list(derived, NULL, &error), ETCD_V2_CANCELLED);
	etcd_v2_client_free(derived);
	etcd_v2_cancel_token_free(fired);
	CHECK_OK(etcd_v2_wait_ready(client, ETCD_V2_TIMEOUT_INFINITE, &error));

	/* a name server that is not there; the member that was named is */
	etcd_v2_options *options;
	etcd_v2_client *searching;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, url, &error));
	CHECK_OK(etcd_v2_options_set_dns_server(options, "127.0.0.1:1", &error));
	CHECK_OK(etcd_v2_options_set_discovery_srv(options, "example.com.", "blue", &error));
	CHECK_OK(etcd_v2_options_set_discovery_srv(options, "example.com", NULL, NULL));
	CHECK_OK(etcd_v2_options_set_sync_interval_ms(options, 100, &error));
	CHECK_OK(etcd_v2_client_new(options, &searching, &error));
	etcd_v2_options_free(options);
	CHECK_OK(etcd_v2_sync(searching, &error));
	CHECK_OK(etcd_v2_wait_ready(searching, ETCD_V2_TIMEOUT_DEFAULT, &error));
	etcd_v2_client_free(searching);
	CHECK_OK(etcd_v2_wait_ready(client, ETCD_V2_TIMEOUT_DEFAULT, NULL));
	CHECK_OK(etcd_v2_wait_ready(client, 60000, &error));
}

#endif
