/*
 * One read through TLS, blocking and submitted.
 *
 *   clock_get URL CA_FILE verified|insecure EARLY   EARLY is 1 if the clock was never set
 */
#include "check.h"

#include <string.h>

int main(int argc, char **argv)
{
	CHECK(argc == 5);
	int insecure = strcmp(argv[3], "insecure") == 0, early = argv[4][0] == '1';
	etcd_v2_options *options;
	etcd_v2_client *client;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, argv[1], &error));
	if (insecure)
		CHECK_OK(etcd_v2_options_set_insecure_skip_verify(options, 1, &error));
	else
		CHECK_OK(etcd_v2_options_set_ca_file(options, argv[2], &error));
	CHECK_OK(etcd_v2_client_new(options, &client, &error));
	etcd_v2_options_free(options);

	etcd_v2_response *answer = NULL;
	if (early && !insecure) {
		CHECK_STATUS(etcd_v2_get(client, "/a", 0, &answer, &error), ETCD_V2_TLS);
	} else {
		CHECK_OK(etcd_v2_get(client, "/a", 0, &answer, &error));
		etcd_v2_response_free(answer);
	}
	etcd_v2_client_free(client);
	return 0;
}
