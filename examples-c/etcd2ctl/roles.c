/* role list, get, add, remove, grant, revoke. */
#include "etcd2ctl.h"
#include <string.h>

static const flag no_flags[] = {END_OF_FLAGS};

/* A client for the one role that is named; DONE, or how to end. */
static int begin(const call *c, etcd_v2_client **client) {
    *client = NULL;
    return c->count == 1 ? admin_open(c, client) : refuse("Please provide a role name");
}

static int end(etcd_v2_client *client, int code) {
    etcd_v2_client_free(client);
    return code;
}

static int list_run(const call *c) {
    etcd_v2_client *client = NULL;
    etcd_v2_roles *roles = NULL;
    etcd_v2_error *error;
    if (c->count != 0) return refuse("No arguments accepted");
    int code = admin_open(c, &client);
    if (code == DONE) code = admin_judged(etcd_v2_role_list(client, &roles, &error), &error);
    for (size_t i = 0; i < etcd_v2_roles_count(roles); i++) puts(etcd_v2_role_name(etcd_v2_roles_at(roles, i)));
    etcd_v2_roles_free(roles);
    return end(client, code);
}

static void print_patterns(const char *title, const etcd_v2_role *role, uint32_t access) {
    puts(title);
    for (size_t i = 0; i < etcd_v2_role_pattern_count(role, access); i++) {
        printf("\t%s\n", etcd_v2_role_pattern_at(role, access, i));
    }
}

static int get_run(const call *c) {
    etcd_v2_client *client;
    etcd_v2_roles *roles = NULL;
    etcd_v2_error *error;
    int code = begin(c, &client);
    if (code == DONE) code = admin_judged(etcd_v2_role_get(client, c->arguments[0], &roles, &error), &error);
    if (code == DONE) {
        const etcd_v2_role *role = etcd_v2_roles_at(roles, 0);
        printf("Role: %s\n", etcd_v2_role_name(role));
        print_patterns("KV Read:", role, ETCD_V2_ACCESS_READ);
        print_patterns("KV Write:", role, ETCD_V2_ACCESS_WRITE);
    }
    etcd_v2_roles_free(roles);
    return end(client, code);
}

static int add_run(const call *c) {
    etcd_v2_client *client;
    etcd_v2_error *error;
    int code = begin(c, &client);
    if (code == DONE && etcd_v2_role_get(client, c->arguments[0], NULL, NULL) == ETCD_V2_OK) {
        fprintf(stderr, "Role %s already exists\n", c->arguments[0]);
        code = BAD_ARGUMENTS;
    }
    if (code == DONE) code = admin_judged(etcd_v2_role_create(client, c->arguments[0], NULL, &error), &error);
    if (code == DONE) printf("Role %s created\n", c->arguments[0]);
    return end(client, code);
}

static int remove_run(const call *c) {
    etcd_v2_client *client;
    etcd_v2_error *error;
    int code = begin(c, &client);
    if (code == DONE) code = admin_judged(etcd_v2_role_delete(client, c->arguments[0], &error), &error);
    if (code == DONE) printf("Role %s removed\n", c->arguments[0]);
    return end(client, code);
}

static const flag grant_flags[] = {
    {"path", NULL, TEXT, "Path granted for the role to access"},
    {"read", NULL, BOOL, "Grant read-only access"},
    {"write", NULL, BOOL, "Grant write-only access"},
    {"readwrite", "rw", BOOL, "Grant read-write access"},
    END_OF_FLAGS,
};

static const flag revoke_flags[] = {
    {"path", NULL, TEXT, "Path revoked for the role to access"},
    {"read", NULL, BOOL, "Revoke read access"},
    {"write", NULL, BOOL, "Revoke write access"},
    {"readwrite", "rw", BOOL, "Revoke read-write access"},
    END_OF_FLAGS,
};

/* Whether the path is as etcd compares it: that of a directory may end in a slash. */
static int check_path(const char *path) {
    text clean = {NULL, 0, 0};
    int code = DONE;
    if (*path == '\0') return refuse("No path specified; please use `--path`");
    key_clean(&clean, path);
    if (path[strlen(path) - 1] == '/' && clean.length > 1) text_put(&clean, "/");
    if (strcmp(clean.bytes, path) != 0) {
        fprintf(stderr, "Not canonical path; please use `--path=%s`\n", clean.bytes);
        code = BAD_ARGUMENTS;
    }
    text_free(&clean);
    return code;
}

static int check_access(const call *c, uint32_t *access) {
    bool read = flag_on(c->own, "read"), write = flag_on(c->own, "write"), both = flag_on(c->own, "readwrite");
    *access = (read || both ? ETCD_V2_ACCESS_READ : 0U) | (write || both ? ETCD_V2_ACCESS_WRITE : 0U);
    return read + write + both == 1 ? DONE : refuse("Please specify exactly one of --read, --write or --readwrite");
}

static int change(const call *c, bool grant) {
    etcd_v2_client *client = NULL;
    etcd_v2_error *error;
    const char *path = flag_text(c->own, "path");
    uint32_t access;
    int code = check_path(path);
    if (code == DONE) code = check_access(c, &access);
    if (code == DONE) code = begin(c, &client);
    if (code == DONE) {
        const char *name = c->arguments[0];
        etcd_v2_status status = grant ? etcd_v2_role_grant(client, name, &path, 1, access, NULL, &error)
                                      : etcd_v2_role_revoke(client, name, &path, 1, access, NULL, &error);
        code = admin_judged(status, &error);
    }
    if (code == DONE) printf("Role %s updated\n", c->arguments[0]);
    return end(client, code);
}

static int grant_run(const call *c) { return change(c, true); }
static int revoke_run(const call *c) { return change(c, false); }

static const command add_command = {"add", "add a new role for the etcd cluster", "<role>", no_flags, add_run, NULL};
static const command get_part = {"get", "get details for a role", "<role>", no_flags, get_run, NULL};
static const command list_command = {"list", "list all roles", "", no_flags, list_run, NULL};
static const command remove_command = {"remove", "remove a role from the etcd cluster", "<role>", no_flags, remove_run,
                                       NULL};
static const command grant_command = {"grant", "grant path matches to an etcd role", "<role>", grant_flags, grant_run,
                                      NULL};
static const command revoke_command = {"revoke", "revoke path matches for an etcd role", "<role>", revoke_flags,
                                       revoke_run, NULL};
static const command *const parts[] = {&add_command,    &get_part,      &list_command,
                                       &remove_command, &grant_command, &revoke_command, NULL};

const command role_command = {"role", "role add, grant and revoke subcommands", "[arguments...]", NULL, NULL, parts};
