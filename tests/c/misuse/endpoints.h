/* The list of members: with one parameter wrong, with nothing, and with everything right. */

#ifndef MISUSE_ENDPOINTS_H
#define MISUSE_ENDPOINTS_H

#include "options.h"


static size_t known(void)
{
	etcd_v2_endpoints *list;
	CHECK_OK(etcd_v2_client_endpoints(client, &list, &error));
	size_t count = etcd_v2_endpoints_count(list);
	CHECK(etcd_v2_endpoints_url(list, count) == NULL);
	CHECK(etcd_v2_endpoints_url(list, SIZE_MAX) == NULL);
	CHECK_INT(etcd_v2_endpoints_source(list, count), -1);
	CHECK_INT(etcd_v2_endpoints_penalty_ms(list, count), 0);
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
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_sync_within(NULL, 1000, token, e));
	const int64_t no_ms[] = { -1, INT64_MIN, 2147483648, INT64_MAX };
	for (size_t i = 0; i < COUNT(no_ms); i++)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "timeout_ms", etcd_v2_sync_within(client, no_ms[i], token, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_wait_ready(NULL, 1000, token, e));
	for (size_t i = 1; i < COUNT(no_ms); i++)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "timeout_ms", etcd_v2_wait_ready(client, no_ms[i], token, e));
	/* and nothing has changed */
	CHECK_INT(known(), 1);
}

static void no_endpoints(void)
{
	CHECK_INT(etcd_v2_endpoints_count(NULL), 0);
	CHECK(etcd_v2_endpoints_url(NULL, 0) == NULL);
	CHECK_INT(etcd_v2_endpoints_source(NULL, 0), -1);
	CHECK_INT(etcd_v2_endpoints_penalty_ms(NULL, 0), 0);
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
	CHECK_TEXT(etcd_v2_endpoints_url(list, 0), url);
	CHECK_TEXT(etcd_v2_endpoints_url(list, 1), "http://127.0.0.1:1");
	for (size_t i = 0; i < 2; i++) {
		CHECK_INT(etcd_v2_endpoints_source(list, i), ETCD_V2_ENDPOINT_SEED);
		CHECK_INT(etcd_v2_endpoints_penalty_ms(list, i), 0);
	}
	etcd_v2_endpoints_free(list);
	CHECK_INT(known(), 1);

	/* a cluster of one knows nobody else */
	CHECK_OK(etcd_v2_sync(client, &error));
	CHECK_INT(etcd_v2_sync(client, NULL), ETCD_V2_OK);
	CHECK_OK(etcd_v2_sync_within(client, 0, NULL, &error));
	CHECK_OK(etcd_v2_sync_within(client, 20000, token, &error));
	CHECK_INT(known(), 1);
	etcd_v2_cancel *fired;
	CHECK_OK(etcd_v2_cancel_new(&fired, &error));
	etcd_v2_cancel_fire(fired);
	CHECK_STATUS(etcd_v2_sync_within(client, 20000, fired, &error), ETCD_V2_CANCELLED);
	CHECK_STATUS(etcd_v2_wait_ready(client, -1, fired, &error), ETCD_V2_CANCELLED);
	etcd_v2_cancel_free(fired);
	CHECK_OK(etcd_v2_wait_ready(client, -1, NULL, &error));
	CHECK_OK(etcd_v2_wait_ready(client, 0, token, NULL));
	CHECK_OK(etcd_v2_wait_ready(client, 20000, token, &error));
}

#endif
