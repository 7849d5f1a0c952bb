/* member list, add, remove, update. */
#include "etcd2ctl.h"
#include <string.h>

static const flag no_flags[] = {END_OF_FLAGS};

static void print_urls(const etcd_v2_member *member, size_t count,
                       const char *(*url)(const etcd_v2_member *member, size_t i)) {
    for (size_t i = 0; i < count; i++) printf("%s%s", i > 0 ? "," : "", url(member, i));
}

static void print_member(const etcd_v2_member *member) {
    bool started = *etcd_v2_member_name(member) != '\0';
    fputs(etcd_v2_member_id(member), stdout);
    if (started) printf(": name=%s peerURLs=", etcd_v2_member_name(member));
    else fputs("[unstarted]: peerURLs=", stdout);
    print_urls(member, etcd_v2_member_peer_url_count(member), etcd_v2_member_peer_url_at);
    if (started) {
        fputs(" clientURLs=", stdout);
        print_urls(member, etcd_v2_member_client_url_count(member), etcd_v2_member_client_url_at);
        printf(" isLeader=%s", etcd_v2_member_is_leader(member) ? "true" : "false");
    }
    putchar('\n');
}

static int list_run(const call *c) {
    etcd_v2_client *client = NULL;
    etcd_v2_members *members = NULL;
    etcd_v2_error *error;
    if (c->count != 0) return refuse("No arguments accepted");
    int code = admin_open(c, &client);
    if (code == DONE) code = admin_judged(etcd_v2_member_list(client, &members, &error), &error);
    bool led = false;
    for (size_t i = 0; i < etcd_v2_members_count(members); i++) {
        led = led || etcd_v2_member_is_leader(etcd_v2_members_at(members, i));
    }
    if (code == DONE && !led) code = refuse("Failed to get leader:  nobody leads the cluster");
    for (size_t i = 0; code == DONE && i < etcd_v2_members_count(members); i++) {
        print_member(etcd_v2_members_at(members, i));
    }
    etcd_v2_members_free(members);
    etcd_v2_client_free(client);
    return code;
}

/* What the new member has to be told when it starts. */
static void print_settings(const etcd_v2_members *members, const char *id, const char *name) {
    const char *comma = "";
    printf("\nETCD_NAME=\"%s\"\nETCD_INITIAL_CLUSTER=\"", name);
    for (size_t i = 0; i < etcd_v2_members_count(members); i++) {
        const etcd_v2_member *member = etcd_v2_members_at(members, i);
        bool is_new = strcmp(etcd_v2_member_id(member), id) == 0;
        for (size_t k = 0; k < etcd_v2_member_peer_url_count(member); k++) {
            printf("%s%s=%s", comma, is_new ? name : etcd_v2_member_name(member), etcd_v2_member_peer_url_at(member, k));
            comma = ",";
        }
    }
    puts("\"\nETCD_INITIAL_CLUSTER_STATE=\"existing\"");
}

static int add_run(const call *c) {
    etcd_v2_client *client = NULL;
    etcd_v2_members *added = NULL, *members = NULL;
    etcd_v2_error *error;
    if (c->count != 2) return refuse("Provide a name and a single member peerURL");
    int code = admin_open(c, &client);
    if (code == DONE) code = admin_judged(etcd_v2_member_add(client, c->arguments[1], &added, &error), &error);
    const char *id = etcd_v2_member_id(etcd_v2_members_at(added, 0));
    if (code == DONE) {
        printf("Added member named %s with ID %s to cluster\n", c->arguments[0], id);
        code = admin_judged(etcd_v2_member_list(client, &members, &error), &error);
    }
    if (code == DONE) print_settings(members, id, c->arguments[0]);
    etcd_v2_members_free(members);
    etcd_v2_members_free(added);
    etcd_v2_client_free(client);
    return code;
}

/* Whoever gives a name is told the id. */
static bool is_member(const etcd_v2_members *members, const char *id) {
    bool found = false;
    for (size_t i = 0; i < etcd_v2_members_count(members); i++) {
        const etcd_v2_member *member = etcd_v2_members_at(members, i);
        found = found || strcmp(etcd_v2_member_id(member), id) == 0;
        if (strcmp(etcd_v2_member_name(member), id) != 0) continue;
        fprintf(stderr, "Found a member named %s; if this is correct, please use its ID, eg:\n", id);
        fprintf(stderr, "\tetcd2ctl member remove %s\n\n", etcd_v2_member_id(member));
    }
    if (!found) fprintf(stderr, "Couldn't find a member in the cluster with an ID of %s.\n", id);
    return found;
}

static int remove_run(const call *c) {
    etcd_v2_client *client = NULL;
    etcd_v2_members *members = NULL;
    etcd_v2_error *error;
    if (c->count != 1) return refuse("Provide a single member ID");
    int code = admin_open(c, &client);
    if (code == DONE) code = admin_judged(etcd_v2_member_list(client, &members, &error), &error);
    if (code == DONE && !is_member(members, c->arguments[0])) code = BAD_ARGUMENTS;
    if (code == DONE) {
        etcd_v2_status status = etcd_v2_member_remove(client, c->arguments[0], &error);
        /* gone already is as good */
        code = status == ETCD_V2_GONE ? DONE : admin_judged(status, &error);
        if (status == ETCD_V2_GONE) etcd_v2_error_free(error);
    }
    if (code == DONE) printf("Removed member %s from cluster\n", c->arguments[0]);
    etcd_v2_members_free(members);
    etcd_v2_client_free(client);
    return code;
}

static int update_run(const call *c) {
    etcd_v2_client *client = NULL;
    etcd_v2_error *error;
    if (c->count != 2) {
        return refuse("Provide an ID and a list of comma separated peerURL "
                      "(0xabcd http://example.com,http://example1.com)");
    }
    int code = admin_open(c, &client);
    if (code == DONE) {
        code = admin_judged(etcd_v2_member_update(client, c->arguments[0], c->arguments[1], &error), &error);
    }
    if (code == DONE) printf("Updated member with ID %s in cluster\n", c->arguments[0]);
    etcd_v2_client_free(client);
    return code;
}

static const command list_command = {"list", "enumerate existing cluster members", "", no_flags, list_run, NULL};
static const command add_command = {"add", "add a new member to the etcd cluster", "<name> <peerURL>", no_flags,
                                    add_run, NULL};
static const command remove_command = {"remove", "remove an existing member from the etcd cluster", "<memberID>",
                                       no_flags, remove_run, NULL};
static const command change_command = {"update", "update an existing member in the etcd cluster",
                                        "<memberID> <peerURLs>", no_flags, update_run, NULL};
static const command *const parts[] = {&list_command, &add_command, &remove_command, &change_command, NULL};

const command member_command = {"member", "member add, remove, update and list subcommands", "[arguments...]", NULL,
                                NULL, parts};
