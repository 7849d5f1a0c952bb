/* user list, get, add, remove, passwd, grant, revoke. */
#include "etcd2ctl.h"
#include <string.h>

static const flag no_flags[] = {END_OF_FLAGS};

/* A client for the one user that is named; DONE, or how to end. */
static int begin(const call *c, etcd_v2_client **client) {
    *client = NULL;
    return c->count == 1 ? admin_open(c, client) : refuse("Please provide a username");
}

static int end(etcd_v2_client *client, int code) {
    etcd_v2_client_free(client);
    return code;
}

static int list_run(const call *c) {
    etcd_v2_client *client = NULL;
    etcd_v2_users *users = NULL;
    etcd_v2_error *error;
    if (c->count != 0) return refuse("No arguments accepted");
    int code = admin_open(c, &client);
    if (code == DONE) code = admin_judged(etcd_v2_user_list(client, &users, &error), &error);
    for (size_t i = 0; i < etcd_v2_users_count(users); i++) puts(etcd_v2_user_name(etcd_v2_users_at(users, i)));
    etcd_v2_users_free(users);
    return end(client, code);
}

static int get_run(const call *c) {
    etcd_v2_client *client;
    etcd_v2_users *users = NULL;
    etcd_v2_error *error;
    int code = begin(c, &client);
    if (code == DONE) code = admin_judged(etcd_v2_user_get(client, c->arguments[0], &users, &error), &error);
    if (code == DONE) {
        const etcd_v2_user *user = etcd_v2_users_at(users, 0);
        printf("User: %s\nRoles: ", etcd_v2_user_name(user));
        size_t roles = etcd_v2_user_role_count(user);
        /* a blank for each, as etcdctl writes it */
        for (size_t i = 0; i < roles; i++) putchar(' ');
        for (size_t i = 0; i < roles; i++) printf("%s%s", i > 0 ? " " : "", etcd_v2_user_role_at(user, i));
        putchar('\n');
    }
    etcd_v2_users_free(users);
    return end(client, code);
}

/* "name:password", or the name alone, and the password is asked for. */
static int add_run(const call *c) {
    etcd_v2_client *client;
    etcd_v2_error *error;
    text name = {NULL, 0, 0}, password = {NULL, 0, 0};
    int code = begin(c, &client);
    if (code == DONE) {
        const char *colon = strchr(c->arguments[0], ':');
        text_add(&name, c->arguments[0], strcspn(c->arguments[0], ":"));
        if (colon != NULL) text_put(&password, colon + 1);
        else code = ask_password("New password: ", &password);
    }
    if (code == DONE) {
        code = admin_judged(etcd_v2_user_create(client, name.bytes, password.bytes, NULL, 0, NULL, &error), &error);
    }
    if (code == DONE) printf("User %s created\n", name.bytes);
    text_free(&name);
    text_free(&password);
    return end(client, code);
}

static int remove_run(const call *c) {
    etcd_v2_client *client;
    etcd_v2_error *error;
    int code = begin(c, &client);
    if (code == DONE) code = admin_judged(etcd_v2_user_delete(client, c->arguments[0], &error), &error);
    if (code == DONE) printf("User %s removed\n", c->arguments[0]);
    return end(client, code);
}

static int passwd_run(const call *c) {
    etcd_v2_client *client;
    etcd_v2_error *error;
    text password = {NULL, 0, 0};
    int code = begin(c, &client);
    if (code == DONE) code = ask_password("New password: ", &password);
    if (code == DONE) {
        code = admin_judged(etcd_v2_user_set_password(client, c->arguments[0], password.bytes, &error), &error);
    }
    if (code == DONE) puts("Password updated");
    text_free(&password);
    return end(client, code);
}

static const flag roles_flags[] = {
    {"roles", NULL, LIST, "a role to grant or revoke; may be given again"},
    END_OF_FLAGS,
};

static int change_roles(const call *c, bool grant) {
    etcd_v2_client *client = NULL;
    etcd_v2_error *error;
    const value *roles = flag_value(c->own, "roles");
    if (roles->count == 0) return refuse("No roles specified; please use `--roles`");
    int code = begin(c, &client);
    if (code == DONE) {
        etcd_v2_status (*change)(const etcd_v2_client *, const char *, const char *const *, size_t, etcd_v2_users **,
                                 etcd_v2_error **) = grant ? etcd_v2_user_grant : etcd_v2_user_revoke;
        code = admin_judged(change(client, c->arguments[0], roles->texts, roles->count, NULL, &error), &error);
    }
    if (code == DONE) printf("User %s updated\n", c->arguments[0]);
    return end(client, code);
}

static int grant_run(const call *c) { return change_roles(c, true); }
static int revoke_run(const call *c) { return change_roles(c, false); }

static const command add_command = {"add", "add a new user for the etcd cluster", "<user>[:<password>]", no_flags,
                                    add_run, NULL};
static const command get_part = {"get", "get details for a user", "<user>", no_flags, get_run, NULL};
static const command list_command = {"list", "list all current users", "", no_flags, list_run, NULL};
static const command remove_command = {"remove", "remove a user for the etcd cluster", "<user>", no_flags, remove_run,
                                       NULL};
static const command grant_command = {"grant", "grant roles to an etcd user", "<user>", roles_flags, grant_run, NULL};
static const command revoke_command = {"revoke", "revoke roles for an etcd user", "<user>", roles_flags, revoke_run,
                                       NULL};
static const command passwd_command = {"passwd", "change password for a user", "<user>", no_flags, passwd_run, NULL};
static const command *const parts[] = {&add_command,   &get_part,       &list_command,   &remove_command,
                                       &grant_command, &revoke_command, &passwd_command, NULL};

const command user_command = {"user", "user add, grant and revoke subcommands", "[arguments...]", NULL, NULL, parts};
