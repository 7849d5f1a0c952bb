/*
 * Settings as a file, from C.
 *
 *   config save PATH   saves in a loop, until it is killed
 *   config full PATH   what is there stays, when there is no room for what is to be there
 *   config told PATH   every change is told and saved
 */
/* setrlimit */
#define _XOPEN_SOURCE 700
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char *const FEW = "http://a:1";
static const char *const MANY = "http://host-b:1,http://host-c:2,http://host-d:3,http://host-e:4";

static etcd_v2_client *loaded(const char *path)
{
	etcd_v2_options *options;
	etcd_v2_client *client;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_load_file(options, path, &error));
	CHECK_OK(etcd_v2_client_new(options, &client, &error));
	etcd_v2_options_free(options);
	return client;
}

static void save(const char *path)
{
	etcd_v2_client *client = loaded(path);
	for (int i = 0;; i++) {
		CHECK_OK(etcd_v2_client_set_endpoints(client, i % 2 ? FEW : MANY, &error));
		CHECK_OK(etcd_v2_client_save(client, path, 0, &error));
	}
}

static void full(const char *path)
{
	etcd_v2_client *client = loaded(path);
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit small = { 10, 10 };
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHECK_STATUS(etcd_v2_client_save(client, path, 0, &error), ETCD_V2_LIMIT);
	etcd_v2_client_free(client);
	etcd_v2_client_free(loaded(path));
}

static int told, let_go;

static void on_config(const char *json, void *user)
{
	CHECK(strstr(json, "\"etcd_v2\": 1") != NULL && user == &told);
	CHECK(strstr(json, "canary") != NULL);
	/* what was told can be read */
	etcd_v2_options *options;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_load_json(options, json, strlen(json), &error));
	etcd_v2_options_free(options);
	told++;
}

static void on_free(void *user)
{
	CHECK(user == &told);
	let_go++;
}

static void tell(const char *path)
{
	etcd_v2_options *options;
	etcd_v2_client *client;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_set_credentials(options, "me", "canary", &error));
	CHECK_OK(etcd_v2_options_set_autosave_file(options, path, 0, &error));
	CHECK_OK(etcd_v2_options_set_autosave_callback(options, ETCD_V2_CONFIG_SECRETS, on_config, &told, on_free, &error));
	CHECK_OK(etcd_v2_client_new(options, &client, &error));
	etcd_v2_options_free(options);
	CHECK_INT(told, 0);
	CHECK_OK(etcd_v2_client_set_endpoints(client, MANY, &error));
	CHECK_INT(told, 1);
	CHECK_OK(etcd_v2_client_set_credentials(client, "you", "canary too", &error));
	CHECK_INT(told, 2);
	etcd_v2_client_free(client);
	CHECK_INT(let_go, 1);
	etcd_v2_client_free(loaded(path));
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (strcmp(argv[1], "save") == 0)
		save(argv[2]);
	else if (strcmp(argv[1], "full") == 0)
		full(argv[2]);
	else
		tell(argv[2]);
	return check_done();
}
