/*
 * Every function of the chapters about members, stats, health, auth, users and roles, on a server of its own.
 *
 *   admin URL PEER-URL VERSION
 */
#include "check.h"

static etcd_v2_client *client;
static const uint32_t BOTH = ETCD_V2_ACCESS_READ | ETCD_V2_ACCESS_WRITE;

/* Etcd 3.5 may lose a change of members that comes right after another; it says that it failed, some seconds later. */
#define CHECK_CHANGE(call, expected)                                                                           \
	do {                                                                                                   \
		etcd_v2_status ended = ETCD_V2_OUTCOME_UNKNOWN;                                                \
		for (int i = 0; i < 10 && ended == ETCD_V2_OUTCOME_UNKNOWN; i++) {                             \
			etcd_v2_error_free(error);                                                             \
			ended = (call);                                                                        \
		}                                                                                              \
		check_status(ended, (expected), &error, __FILE__, __LINE__, #call);                            \
	} while (0)

static void say_member(const etcd_v2_member *m)
{
	CHECK(strlen(etcd_v2_member_id(m)) > 8);
	printf("member %s:", etcd_v2_member_name(m));
	for (size_t i = 0; i < etcd_v2_member_peer_url_count(m); i++)
		printf(" %s", etcd_v2_member_peer_url_at(m, i));
	for (size_t i = 0; i < etcd_v2_member_client_url_count(m); i++)
		printf(" %s", etcd_v2_member_client_url_at(m, i));
	puts(etcd_v2_member_is_leader(m) ? " leads" : "");
}

static void members(const char *peer_url)
{
	etcd_v2_members *all, *leader;
	CHECK_OK(etcd_v2_member_list(client, &all, &error));
	CHECK_OK(etcd_v2_member_leader(client, &leader, &error));
	for (size_t i = 0; i < etcd_v2_members_count(all); i++)
		say_member(etcd_v2_members_at(all, i));
	const etcd_v2_member *one = etcd_v2_members_at(leader, 0);
	CHECK_TEXT(etcd_v2_member_id(one), etcd_v2_member_id(etcd_v2_members_at(all, 0)));
	const char *id = etcd_v2_member_id(one);
	CHECK_CHANGE(etcd_v2_member_update(client, id, peer_url, &error), ETCD_V2_OK);
	CHECK_CHANGE(etcd_v2_member_add(client, peer_url, NULL, &error), ETCD_V2_CONFLICT);
	printf("add: %s\n", etcd_v2_error_etcd_message(error));
	CHECK_INT(etcd_v2_error_http_status(error), 409);
	CHECK_CHANGE(etcd_v2_member_remove(client, "abcd", &error), ETCD_V2_NOT_FOUND);
	printf("remove: %s\n", etcd_v2_error_etcd_message(error));
	etcd_v2_members_free(all);
	etcd_v2_members_free(leader);
}

static void stats(const char *url)
{
	etcd_v2_stats *own, *store, *leader;
	CHECK_OK(etcd_v2_set(client, "/counted", "v", 0, NULL, &error));
	CHECK_OK(etcd_v2_stats_self(client, NULL, &own, &error));
	CHECK_OK(etcd_v2_stats_store(client, url, &store, &error));
	CHECK_OK(etcd_v2_stats_leader(client, &leader, &error));
	printf("self: %s %s at %s\n", etcd_v2_stats_text(own, "name"), etcd_v2_stats_text(own, "state"),
	       etcd_v2_stats_endpoint(own));
	CHECK_TEXT(etcd_v2_stats_text(own, "id"), etcd_v2_stats_text(leader, "leader"));
	CHECK_TEXT(etcd_v2_stats_text(own, "leaderInfo.leader"), etcd_v2_stats_text(leader, "leader"));
	CHECK(strchr(etcd_v2_stats_text(own, "startTime"), 'T') != NULL);
	CHECK(strchr(etcd_v2_stats_text(own, "leaderInfo.startTime"), 'T') != NULL);
	CHECK(strchr(etcd_v2_stats_text(own, "leaderInfo.uptime"), 's') != NULL);
	double number;
	CHECK(etcd_v2_stats_number(own, "sendAppendRequestCnt", &number) && number == 0);
	CHECK(etcd_v2_stats_number(store, "setsSuccess", &number) && number >= 1);
	CHECK(!etcd_v2_stats_number(store, "nothing", &number) && number == 0);
	size_t length, found = 0;
	const char *json = etcd_v2_stats_json(store, &length);
	CHECK(json[0] == '{' && json[length - 1] == '}' && json[length] == '\0');
	for (size_t i = 0; i < etcd_v2_stats_number_count(store); i++) {
		double same;
		const char *name = etcd_v2_stats_number_at(store, i, &number);
		CHECK(etcd_v2_stats_number(store, name, &same) && same == number);
		found += strstr(json, name) != NULL;
	}
	CHECK(found == etcd_v2_stats_number_count(store) && found >= 16);
	printf("leader: %zu followers\n", etcd_v2_stats_follower_count(leader));
	CHECK(etcd_v2_stats_follower_at(leader, 0) == NULL);
	etcd_v2_stats_free(own);
	etcd_v2_stats_free(store);
	etcd_v2_stats_free(leader);
}

static void say_health(const etcd_v2_health_report *h)
{
	printf("health %d:", (int)etcd_v2_health_report_state(h));
	for (size_t i = 0; i < etcd_v2_health_report_count(h); i++) {
		const etcd_v2_health *member = etcd_v2_health_report_at(h, i);
		CHECK(strlen(etcd_v2_health_id(member)) != 1);
		printf(" \"%s\" is %d at %s, \"%s\"", etcd_v2_health_name(member),
		       (int)etcd_v2_health_state(member), etcd_v2_health_endpoint(member),
		       etcd_v2_health_reason(member));
		CHECK_INT(etcd_v2_health_attempt_count(member), 0);
		const char *url, *text;
		CHECK(!etcd_v2_health_attempt_at(member, 0, &url, &text) && url == NULL && text == NULL);
	}
	puts("");
}

static void health(const char *url, const char *version)
{
	etcd_v2_version_info *v;
	CHECK_OK(etcd_v2_server_version(client, NULL, &v, &error));
	CHECK(strncmp(etcd_v2_version_info_server(v), version, strlen(version)) == 0);
	printf("version %s at %s\n", etcd_v2_version_info_cluster(v), etcd_v2_version_info_endpoint(v));
	etcd_v2_version_info_free(v);
	etcd_v2_health_report *h;
	for (int whole = 0; whole < 2; whole++) {
		/* a member whose disk takes a second is unhealthy for a moment */
		for (h = NULL; etcd_v2_health_report_state(h) != ETCD_V2_HEALTH_HEALTHY;) {
			etcd_v2_health_report_free(h);
			CHECK_OK(whole ? etcd_v2_health_check_cluster(client, &h, &error)
				       : etcd_v2_health_check(client, url, &h, &error));
		}
		say_health(h);
		etcd_v2_health_report_free(h);
	}
	CHECK_STATUS(etcd_v2_health_check(client, "http://127.0.0.1:9", &h, &error), ETCD_V2_UNREACHABLE);
}

static void say_users(etcd_v2_users *users)
{
	for (size_t i = 0; i < etcd_v2_users_count(users); i++) {
		const etcd_v2_user *u = etcd_v2_users_at(users, i);
		printf("user %s:", etcd_v2_user_name(u));
		for (size_t j = 0; j < etcd_v2_user_role_count(u); j++)
			printf(" %s", etcd_v2_user_role_at(u, j));
		puts("");
	}
	etcd_v2_users_free(users);
}

static void say_roles(etcd_v2_roles *roles)
{
	for (size_t i = 0; i < etcd_v2_roles_count(roles); i++) {
		const etcd_v2_role *r = etcd_v2_roles_at(roles, i);
		printf("role %s:", etcd_v2_role_name(r));
		for (uint32_t access = ETCD_V2_ACCESS_READ; access <= ETCD_V2_ACCESS_WRITE; access++)
			for (size_t j = 0; j < etcd_v2_role_pattern_count(r, access); j++)
				printf(" %s %s", access == ETCD_V2_ACCESS_READ ? "reads" : "writes",
				       etcd_v2_role_pattern_at(r, access, j));
		puts("");
	}
	etcd_v2_roles_free(roles);
}

static void users_and_roles(void)
{
	etcd_v2_users *users;
	etcd_v2_roles *roles;
	const char *const both[] = { "app", "log" }, *const app[] = { "app" };
	const char *const paths[] = { "/app/*", "/x" }, *const all[] = { "/*" };
	CHECK_OK(etcd_v2_role_create(client, "app", &roles, &error));
	say_roles(roles);
	CHECK_STATUS(etcd_v2_role_create(client, "app", &roles, &error), ETCD_V2_CONFLICT);
	CHECK_OK(etcd_v2_role_grant(client, "app", paths, 2, BOTH, &roles, &error));
	say_roles(roles);
	CHECK_OK(etcd_v2_role_revoke(client, "app", paths + 1, 1, ETCD_V2_ACCESS_WRITE, &roles, &error));
	say_roles(roles);
	CHECK_OK(etcd_v2_role_create(client, "log", NULL, &error));
	CHECK_OK(etcd_v2_role_get(client, "log", &roles, &error));
	say_roles(roles);

	CHECK_OK(etcd_v2_user_create(client, "root", "secret", NULL, 0, &users, &error));
	say_users(users);
	CHECK_OK(etcd_v2_user_create(client, "al", "pw", both, 2, &users, &error));
	say_users(users);
	CHECK_STATUS(etcd_v2_user_create(client, "al", "qw", NULL, 0, &users, &error), ETCD_V2_CONFLICT);
	CHECK_OK(etcd_v2_user_revoke(client, "al", both, 2, &users, &error));
	say_users(users);
	CHECK_OK(etcd_v2_user_grant(client, "al", app, 1, NULL, &error));
	CHECK_OK(etcd_v2_user_get(client, "al", &users, &error));
	say_users(users);
	CHECK_OK(etcd_v2_user_list(client, &users, &error));
	say_users(users);

	/* on: guests may do everything until it is taken from them */
	bool on;
	CHECK_OK(etcd_v2_auth_enable(client, &error));
	CHECK_OK(etcd_v2_auth_is_enabled(client, &on, &error));
	CHECK(on);
	CHECK_OK(etcd_v2_set(client, "/app/x", "v", 0, NULL, &error));
	CHECK_STATUS(etcd_v2_user_list(client, &users, &error), ETCD_V2_UNAUTHORIZED);
	printf("guest: %s\n", etcd_v2_error_etcd_message(error));
	CHECK_OK(etcd_v2_client_set_credentials(client, "root", "secret", &error));
	CHECK_OK(etcd_v2_role_revoke(client, "guest", all, 1, BOTH, NULL, &error));
	CHECK_OK(etcd_v2_role_list(client, &roles, &error));
	say_roles(roles);
	CHECK_OK(etcd_v2_client_set_credentials(client, NULL, NULL, &error));
	CHECK_STATUS(etcd_v2_get(client, "/app/x", 0, NULL, &error), ETCD_V2_UNAUTHORIZED);
	CHECK_OK(etcd_v2_client_set_credentials(client, "al", "pw", &error));
	CHECK_OK(etcd_v2_get(client, "/app/x", 0, NULL, &error));
	CHECK_STATUS(etcd_v2_set(client, "/x", "v", 0, NULL, &error), ETCD_V2_UNAUTHORIZED);
	CHECK_OK(etcd_v2_client_set_credentials(client, "root", "secret", &error));
	CHECK_OK(etcd_v2_user_set_password(client, "al", "new", &error));
	CHECK_OK(etcd_v2_client_set_credentials(client, "al", "pw", &error));
	CHECK_STATUS(etcd_v2_get(client, "/app/x", 0, NULL, &error), ETCD_V2_UNAUTHORIZED);

	CHECK_OK(etcd_v2_client_set_credentials(client, "root", "secret", &error));
	CHECK_STATUS(etcd_v2_role_delete(client, "root", &error), ETCD_V2_FORBIDDEN);
	printf("delete: %s\n", etcd_v2_error_etcd_message(error));
	CHECK_OK(etcd_v2_user_delete(client, "al", &error));
	CHECK_OK(etcd_v2_role_delete(client, "app", &error));
	CHECK_OK(etcd_v2_auth_disable(client, &error));
	CHECK_STATUS(etcd_v2_auth_disable(client, &error), ETCD_V2_CONFLICT);
	printf("disable: %s\n", etcd_v2_error_etcd_message(error));
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	client = patient_client(argv[1]);
	members(argv[2]);
	stats(argv[1]);
	health(argv[1], argv[3]);
	users_and_roles();
	etcd_v2_client_free(client);
	printf("-- ");
	return check_done();
}
