/* auth enable, disable; and what the commands of administration have in common. */
#include "etcd2ctl.h"

int refuse(const char *words) {
    fprintf(stderr, "%s\n", words);
    return BAD_ARGUMENTS;
}

int admin_open(const call *c, etcd_v2_client **client) {
    int code = session_open(c, true, client);
    return code == DONE && session_is_over(c) ? refuse("context deadline exceeded") : code;
}

/* In the server's own words, where it has any, and where they are the whole truth. */
int admin_judged(etcd_v2_status status, etcd_v2_error *const *error) {
    if (status == ETCD_V2_OK) return DONE;
    const char *said = etcd_v2_error_etcd_message(*error);
    bool whole = *said != '\0' && status != ETCD_V2_OUTCOME_UNKNOWN;
    refuse(whole ? said : etcd_v2_error_message(*error));
    print_doubt(*error);
    etcd_v2_error_free(*error);
    return BAD_ARGUMENTS;
}

static const flag no_flags[] = {END_OF_FLAGS};

static int turn(const call *c, etcd_v2_status (*how)(const etcd_v2_client *, etcd_v2_error **), const char *done) {
    etcd_v2_client *client = NULL;
    etcd_v2_error *error;
    if (c->count != 0) return refuse("No arguments accepted");
    int code = admin_open(c, &client);
    if (code == DONE) code = admin_judged(how(client, &error), &error);
    if (code == DONE) puts(done);
    etcd_v2_client_free(client);
    return code;
}

static int enable_run(const call *c) { return turn(c, etcd_v2_auth_enable, "Authentication Enabled"); }
static int disable_run(const call *c) { return turn(c, etcd_v2_auth_disable, "Authentication Disabled"); }

static const command enable_command = {"enable", "enable auth access controls", "", no_flags, enable_run, NULL};
static const command disable_command = {"disable", "disable auth access controls", "", no_flags, disable_run, NULL};
static const command *const parts[] = {&enable_command, &disable_command, NULL};

const command auth_command = {"auth", "overall auth controls", "[arguments...]", NULL, NULL, parts};
