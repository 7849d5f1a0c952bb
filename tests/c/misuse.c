/*
 * Every function with NULL and garbage for every parameter, one at a time with the others valid.
 *
 *   misuse wrong URL          what must be refused: the server at URL must not hear of it
 *   misuse right URL PREFIX   the same calls with everything valid, and what may be NULL, on a real etcd
 *   misuse panic              only with ETCD_V2_TEST_HOOKS: a panic inside
 */
#include "misuse/admin.h"
#include "misuse/endpoints.h"
#include "misuse/config.h"
#include "misuse/diagnostics.h"
#include "misuse/nothing.h"
#include "misuse/options.h"
#include "misuse/outcome.h"
#include "misuse/requests.h"
#include "misuse/right.h"
#include "misuse/tls.h"
#include "misuse/verbs.h"
#include "misuse/watching.h"

static void wrong(const char *url)
{
	CHECK_OK(etcd_v2_client_open(url, &client, &error));
	CHECK_OK(etcd_v2_cancel_token_new(&token, &error));
	for (size_t i = 0; i < COUNT(VERBS); i++)
		wrong_verb(&VERBS[i]);
	wrong_long_condition();
	wrong_options();
	wrong_credentials();
	wrong_endpoints();
	wrong_discovery();
	wrong_tls();
	wrong_cancel();
	wrong_requests();
	wrong_raw();
	wrong_watch_options();
	wrong_watcher();
	wrong_submit();
	wrong_outcome();
	wrong_admin();
	wrong_config();
	wrong_listeners();
	nothing_to_read();
	nothing_to_tell();
	nothing_to_watch();
	no_outcome();
	no_endpoints();
	nothing_to_administer();
	numbers_without_a_name();
	etcd_v2_cancel_token_free(token);
	etcd_v2_client_free(client);
}

#ifdef ETCD_V2_TEST_HOOKS
/* Only in a library built for this test; panics inside. */
ETCD_V2_API etcd_v2_status etcd_v2_test_panic(etcd_v2_error **err);

static void panics(void)
{
	for (int i = 0; i < 100; i++) {
		etcd_v2_error *e = BEFORE;
		CHECK_INT(etcd_v2_test_panic(&e), ETCD_V2_INTERNAL);
		CHECK_INT(etcd_v2_error_status(e), ETCD_V2_INTERNAL);
		CHECK_TEXT(etcd_v2_error_message(e), "panic: on purpose");
		CHECK(!etcd_v2_error_is_retriable(e));
		etcd_v2_error_free(e);
		CHECK_INT(etcd_v2_test_panic(NULL), ETCD_V2_INTERNAL);
	}
	/* and the library is as good as before */
	CHECK_OK(etcd_v2_client_open("http://127.0.0.1:1", &client, &error));
	CHECK_STATUS(etcd_v2_get(client, "k", 0, NULL, &error), ETCD_V2_INVALID_ARGUMENT);
	etcd_v2_client_free(client);
}
#endif

int main(int argc, char **argv)
{
#ifdef PROVE
	/* what a checker has to see: memory of the library, read after it was freed */
	etcd_v2_error *e;
	if (etcd_v2_client_open(NULL, NULL, &e) == ETCD_V2_OK)
		return 2;
	const char *message = etcd_v2_error_message(e);
	etcd_v2_error_free(e);
	return printf("%zu\n", strlen(message)) < 0;
#endif
#ifdef PROVE_LEAK
	for (int i = 0; i < 10; i++) {
		etcd_v2_error *lost;
		if (etcd_v2_client_open(NULL, NULL, &lost) == ETCD_V2_OK)
			return 2;
		lost = NULL;
	}
	return 0;
#endif
	if (argc == 3 && strcmp(argv[1], "wrong") == 0)
		wrong(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "right") == 0)
		right(argv[2], argv[3]);
#ifdef ETCD_V2_TEST_HOOKS
	else if (argc == 2 && strcmp(argv[1], "panic") == 0)
		panics();
#endif
	else
		return 2;
	return check_done();
}
