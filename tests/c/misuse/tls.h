/* Options of TLS with one parameter wrong, and what must be right about them. */

#ifndef MISUSE_TLS_H
#define MISUSE_TLS_H

#include "refusal.h"

static const char *const NO_PIN[] = {
	"", "00", "sha256", "zz00000000000000000000000000000000000000000000000000000000000000",
	"00:00", "000000000000000000000000000000000000000000000000000000000000000000",
};

static const char *const NO_NAME[] = { "", " ", "a b", "a..b", "a:1", "http://a", "*", "[::1]" };

static const char *const NO_PEM[] = {
	" ", "no PEM", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
	"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "\x30\x82\x01\x02", "\xff\xfe",
};

static void wrong_tls(void)
{
	etcd_v2_options *options;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	const char *missing = "/no/such/file";

	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_ca_file(NULL, missing, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "ca_file", etcd_v2_options_set_ca_file(options, NULL, e));
	REFUSED(ETCD_V2_TLS, "ca_file", etcd_v2_options_set_ca_file(options, missing, e));
	REFUSED(ETCD_V2_TLS, "ca_file", etcd_v2_options_set_ca_file(options, "", e));
	REFUSED(ETCD_V2_TLS, "ca_file", etcd_v2_options_set_ca_file(options, "/", e));
	REFUSED(ETCD_V2_TLS, "ca_file", etcd_v2_options_set_ca_file(options, "/dev/zero", e));
	REFUSED(ETCD_V2_NOT_UTF8, "ca_file", etcd_v2_options_set_ca_file(options, "/\xff", e));

	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_ca_pem(NULL, "x", 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "pem", etcd_v2_options_set_ca_pem(options, NULL, 1, e));
	REFUSED(ETCD_V2_TLS, "pem", etcd_v2_options_set_ca_pem(options, NULL, 0, e));
	REFUSED(ETCD_V2_TLS, "pem", etcd_v2_options_set_ca_pem(options, "", 0, e));
	REFUSED(ETCD_V2_TOO_LARGE, "pem", etcd_v2_options_set_ca_pem(options, "x", SIZE_MAX, e));

	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_client_cert_files(NULL, missing, missing, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "cert_file", etcd_v2_options_set_client_cert_files(options, NULL, missing, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "key_file", etcd_v2_options_set_client_cert_files(options, missing, NULL, e));
	REFUSED(ETCD_V2_TLS, "cert_file", etcd_v2_options_set_client_cert_files(options, missing, missing, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_client_cert_pem(NULL, "x", 1, "x", 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "cert", etcd_v2_options_set_client_cert_pem(options, NULL, 1, "x", 1, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "key", etcd_v2_options_set_client_cert_pem(options, "x", 1, NULL, 1, e));
	REFUSED(ETCD_V2_TLS, "cert", etcd_v2_options_set_client_cert_pem(options, NULL, 0, "x", 1, e));
	for (size_t i = 0; i < COUNT(NO_PEM); i++) {
		REFUSED(ETCD_V2_TLS, "pem", etcd_v2_options_set_ca_pem(options, NO_PEM[i], strlen(NO_PEM[i]), e));
		REFUSED(ETCD_V2_TLS, "cert",
			etcd_v2_options_set_client_cert_pem(options, NO_PEM[i], strlen(NO_PEM[i]), "x", 1, e));
	}

	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_server_name(NULL, "a", e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "server_name", etcd_v2_options_set_server_name(options, NULL, e));
	for (size_t i = 0; i < COUNT(NO_NAME); i++)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "server_name",
			etcd_v2_options_set_server_name(options, NO_NAME[i], e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_add_pinned_sha256(NULL, "00", e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "sha256", etcd_v2_options_add_pinned_sha256(options, NULL, e));
	for (size_t i = 0; i < COUNT(NO_PIN); i++)
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "sha256", etcd_v2_options_add_pinned_sha256(options, NO_PIN[i], e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_insecure_skip_verify(NULL, true, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_system_ca(NULL, true, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_client_reload_tls(NULL, e));
	CHECK(!etcd_v2_client_is_insecure(NULL));
	CHECK(!etcd_v2_client_is_insecure(client));
	etcd_v2_options_free(options);
}

static void right_tls(void)
{
	etcd_v2_options *options;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_set_server_name(options, "etcd.example", &error));
	CHECK_OK(etcd_v2_options_set_server_name(options, "::1", &error));
	CHECK_OK(etcd_v2_options_set_system_ca(options, true, &error));
	CHECK_OK(etcd_v2_options_set_system_ca(options, false, &error));
	CHECK_OK(etcd_v2_options_set_insecure_skip_verify(options, true, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, "https://127.0.0.1:1", &error));
	etcd_v2_client *other;
	CHECK_OK(etcd_v2_client_new(options, &other, &error));
	CHECK(etcd_v2_client_is_insecure(other));
	CHECK_OK(etcd_v2_client_reload_tls(other, &error));
	etcd_v2_client_free(other);
	/* who has a pin does not believe everybody */
	const char *pin = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff";
	CHECK_OK(etcd_v2_options_add_pinned_sha256(options, pin, &error));
	CHECK_OK(etcd_v2_client_new(options, &other, &error));
	CHECK(!etcd_v2_client_is_insecure(other));
	etcd_v2_client_free(other);
	etcd_v2_options_free(options);
	CHECK_OK(etcd_v2_client_reload_tls(client, &error));
}

#endif
