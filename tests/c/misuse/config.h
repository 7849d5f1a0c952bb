/* Settings as JSON: with one parameter wrong, and when nothing is. */

#ifndef MISUSE_CONFIG_H
#define MISUSE_CONFIG_H

#include "refusal.h"

static int config_let_go, config_told;

static void let_config_go(void *user) { __atomic_add_fetch((int *)user, 1, __ATOMIC_SEQ_CST); }

static void on_config(const char *json, void *user)
{
	CHECK(strstr(json, "\"etcd_v2\": 1") != NULL && strstr(json, "hunter2") == NULL && user == &config_let_go);
	config_told++;
}

static const char *const NO_DOCUMENT[] = {
	"", " ", "x", "[]", "null", "7", "\"etcd_v2\"", "{", "{}x", "{\"etcd_v2\"}", "{\"etcd_v2\": 0}", "{\"etcd_v2\": -1}",
	"{\"etcd_v2\": 1} {}", "{\"etcd_v2\": 1,}", "{\"etcd_v2\": 1, \"hunter2\": 1, \"x\": }",
	"{\"etcd_v2\": 1, \"deadline_ms\": \"hunter2\"}", "{\"etcd_v2\": 1, \"deadline_ms\": 0}",
	"{\"etcd_v2\": 1, \"credentials\": [\"hunter2\"]}", "{\"config\": {\"timeout\": \"hunter2\"}}",
	"{\"etcd_v2\": 1, \"endpoints\": [\"http://me:hunter2@a\"]}", "{\"etcd_v2\": 1, \"etcd_v2\": 1}",
};

static void wrong_config(void)
{
	etcd_v2_options *config;
	CHECK_OK(etcd_v2_options_new(&config, &error));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_load_json(NULL, "{}", 2, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "json", etcd_v2_options_load_json(config, NULL, 2, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "json", etcd_v2_options_load_json(config, NULL, 0, e));
	REFUSED(ETCD_V2_TOO_LARGE, "json", etcd_v2_options_load_json(config, "{}", SIZE_MAX, e));
	REFUSED(ETCD_V2_NOT_UTF8, "json", etcd_v2_options_load_json(config, "{\xff}", 3, e));
	REFUSED(ETCD_V2_UNSUPPORTED, "json", etcd_v2_options_load_json(config, "{\"etcd_v2\": 2}", 14, e));
	for (size_t i = 0; i < COUNT(NO_DOCUMENT); i++) {
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "json",
			etcd_v2_options_load_json(config, NO_DOCUMENT[i], strlen(NO_DOCUMENT[i]), e));
		etcd_v2_error *why = NULL;
		CHECK(etcd_v2_options_load_json(config, NO_DOCUMENT[i], strlen(NO_DOCUMENT[i]), &why) != ETCD_V2_OK);
		CHECK(strstr(etcd_v2_error_message(why), "hunter2\"") == NULL);
		CHECK(strstr(etcd_v2_error_message(why), "me:hunter2") == NULL);
		etcd_v2_error_free(why);
	}
	char *long_text = repeat("{\"etcd_v2\": 1}", ' ', 1 << 20);
	REFUSED(ETCD_V2_TOO_LARGE, "json", etcd_v2_options_load_json(config, long_text, strlen(long_text), e));
	free(long_text);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_load_file(NULL, "/nowhere", e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "path", etcd_v2_options_load_file(config, NULL, e));
	const char *const no_file[] = { "", "/", "/nowhere/x", "/dev/null", "/dev/zero" };
	for (size_t i = 0; i < COUNT(no_file); i++) {
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "path", etcd_v2_options_load_file(config, no_file[i], e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "path", etcd_v2_client_save(client, no_file[i], 0, e));
	}
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "client", etcd_v2_client_save(NULL, "/nowhere/x", 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "path", etcd_v2_client_save(client, NULL, 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_autosave_file(NULL, "/nowhere/x", 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "path", etcd_v2_options_set_autosave_file(config, NULL, 0, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "path", etcd_v2_options_set_autosave_file(config, "/", 0, e));
	config_let_go = 0;
	void *user = &config_let_go;
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_autosave_callback(NULL, 0, on_config, user, let_config_go, e));
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "callback", etcd_v2_options_set_autosave_callback(config, 0, NULL, user, let_config_go, e));
	CHECK_INT(config_let_go, 4);
	const uint32_t no_flags[] = { 2, 3, 0x80000000, UINT32_MAX };
	for (size_t i = 0; i < COUNT(no_flags); i++) {
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags", etcd_v2_client_save(client, "/nowhere/x", no_flags[i], e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags", etcd_v2_options_set_autosave_file(config, "/nowhere/x", no_flags[i], e));
		REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags",
			etcd_v2_options_set_autosave_callback(config, no_flags[i], on_config, user, let_config_go, e));
	}
	CHECK_INT(config_let_go, 12);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "options", etcd_v2_options_set_quorum_reads(NULL, true, e));
	etcd_v2_options_free(config);
}

static void right_config(const char *url)
{
	static const char text[] = "{\"etcd_v2\": 1, \"quorum_reads\": true, \"credentials\": {\"user\": \"a\", \"password\": \"hunter2\"}}";
	etcd_v2_options *config;
	etcd_v2_client *configured;
	config_let_go = config_told = 0;
	CHECK_OK(etcd_v2_options_new(&config, &error));
	CHECK_OK(etcd_v2_options_load_json(config, text, sizeof text - 1, &error));
	CHECK_OK(etcd_v2_options_set_quorum_reads(config, true, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(config, "http://127.0.0.1:1", &error));
	CHECK_OK(etcd_v2_options_set_autosave_file(config, "/nowhere/x", ETCD_V2_CONFIG_SECRETS, &error));
	CHECK_OK(etcd_v2_options_set_autosave_callback(config, 0, on_config, &config_let_go, let_config_go, &error));
	CHECK_OK(etcd_v2_client_new(config, &configured, &error));
	etcd_v2_options_free(config);
	CHECK_OK(etcd_v2_client_set_endpoints(configured, url, &error));
	CHECK_INT(config_told, 1);
	CHECK_STATUS(etcd_v2_get(configured, "/misuse-no-such-key", 0, NULL, &error), ETCD_V2_KEY_NOT_FOUND);
	CHECK_INT(config_let_go, 0);
	etcd_v2_client_free(configured);
	CHECK_INT(config_let_go, 1);
}

#endif
