/*
 * The commands and how they are called.
 *
 * Usage: etcd2ctl [global options] command [command options] [arguments...]     see etcd2ctl help
 */
#include "etcd2ctl.h"
#include <stdlib.h>
#include <string.h>

const flag global_flags[] = {
    {"debug", NULL, BOOL, "output cURL commands which can be used to reproduce the request"},
    {"no-sync", NULL, BOOL, "don't synchronize cluster information before sending request"},
    {"output", "o", TEXT, "output response in the given format (simple, extended or json)"},
    {"peers", "C", TEXT, "DEPRECATED - \"--endpoints\" should be used instead"},
    {"endpoint", NULL, TEXT, "DEPRECATED - \"--endpoints\" should be used instead"},
    {"endpoints", NULL, TEXT, "comma-delimited members (default: http://127.0.0.1:2379,http://127.0.0.1:4001)"},
    {"cert-file", NULL, TEXT, "identify HTTPS client using this SSL certificate file"},
    {"key-file", NULL, TEXT, "identify HTTPS client using this SSL key file"},
    {"ca-file", NULL, TEXT, "verify certificates of HTTPS-enabled servers using this CA bundle"},
    {"discovery-srv", "D", TEXT, "domain name to query for SRV records describing cluster endpoints"},
    {"discovery-srv-name", NULL, TEXT, "service name to query when using DNS discovery"},
    {"insecure-discovery", NULL, BOOL, "accept insecure SRV records describing cluster endpoints"},
    {"dns-server", NULL, TEXT, "address of the name server to ask (default: those of the system)"},
    {"username", "u", TEXT, "provide username[:password] and prompt if password is not supplied"},
    {"timeout", NULL, DURATION, "time to reach one member (default: 2s)"},
    {"total-timeout", NULL, DURATION, "timeout for the command execution (except watch) (default: 5s)"},
    {"version", "v", BOOL, "print the version"},
    END_OF_FLAGS,
};

const command *const commands[] = {
    &mk_command, &mkdir_command, &rm_command, &rmdir_command, &get_command, &ls_command, &set_command, &setdir_command,
    &update_command, &updatedir_command, &watch_command, &exec_watch_command, &member_command, &user_command,
    &role_command, &auth_command, &health_command, NULL,
};

static const flag no_flags[] = {END_OF_FLAGS};

const command *command_find(const command *const *among, const char *name) {
    while (*among != NULL && strcmp((*among)->name, name) != 0) among++;
    return *among;
}

static int no_topic(const char *name) {
    if (strcmp(name, "backup") == 0 || strcmp(name, "import") == 0) {
        fprintf(stderr, "etcd2ctl has no %s: it works on the files of a server, not on its API\n", name);
        return BAD_ARGUMENTS;
    }
    fprintf(stderr, "No help topic for '%s'\n", name);
    return NO_TOPIC;
}

static bool is_help(const char *name) { return strcmp(name, "help") == 0 || strcmp(name, "h") == 0; }

/* "help" alone tells of the program, or of the group that it stands in. */
static int help_run(const command *group, const command *const *among, char **arguments, int count) {
    const command *about = count > 0 ? command_find(among, arguments[0]) : NULL;
    if (count > 0 && about == NULL) return no_topic(arguments[0]);
    if (about != NULL) help_command(group, about);
    else if (group != NULL) help_command(NULL, group);
    else help_program();
    return DONE;
}

/* The reason goes to both outputs, as etcdctl has it. */
static int bad_usage(const char *said, const text *why) {
    printf("%s %s\n\n", said, why->bytes);
    fprintf(stderr, "%s\n", why->bytes);
    return BAD_ARGUMENTS;
}

static int run_command(const command *group, const command *c, const flag_set *global, char **arguments,
                       int count) {
    flag_set own = {NULL, NULL, NULL, 0};
    text why = {NULL, 0, 0};
    int code = DONE;
    /* exec-watch tells its key from its program by the "--" between them */
    char **ordered = flags_first(c->flags, arguments, &count, c == &exec_watch_command);
    if (!flags_parse(&own, c->flags, ordered, count, &why)) {
        code = bad_usage("Incorrect Usage:", &why);
        help_command(group, c);
    } else if (flag_on(&own, "help")) {
        help_command(group, c);
    } else {
        call now = {global, &own, own.arguments, own.count};
        code = c->run(&now);
    }
    flags_free(&own);
    text_free(&why);
    free(ordered);
    return code;
}

static int dispatch(const command *group, const command *const *among, const flag_set *global, char **arguments,
                    int count);

static int run_group(const command *c, const flag_set *global, char **arguments, int count) {
    flag_set own = {NULL, NULL, NULL, 0};
    text why = {NULL, 0, 0};
    int code = DONE;
    if (!flags_parse(&own, no_flags, arguments, count, &why)) {
        code = bad_usage("Incorrect Usage.", &why);
        help_command(NULL, c);
    } else if (flag_on(&own, "help")) {
        help_command(NULL, c);
    } else {
        code = dispatch(c, c->parts, global, own.arguments, own.count);
    }
    flags_free(&own);
    text_free(&why);
    return code;
}

static int dispatch(const command *group, const command *const *among, const flag_set *global, char **arguments,
                    int count) {
    if (count == 0 || *arguments[0] == '\0') return help_run(group, among, NULL, 0);
    if (is_help(arguments[0])) return help_run(group, among, arguments + 1, count - 1);
    const command *c = command_find(among, arguments[0]);
    if (c == NULL) return no_topic(arguments[0]);
    if (c->parts != NULL) return run_group(c, global, arguments + 1, count - 1);
    return run_command(group, c, global, arguments + 1, count - 1);
}

int main(int argc, char **argv) {
    flag_set global = {NULL, NULL, NULL, 0};
    text why = {NULL, 0, 0};
    int code = DONE;
    if (!flags_parse(&global, global_flags, argv + 1, argc > 0 ? argc - 1 : 0, &why)) {
        code = bad_usage("Incorrect Usage.", &why);
        help_program();
    } else if (flag_on(&global, "help")) {
        help_program();
    } else if (flag_on(&global, "version")) {
        printf("etcd2ctl version: %s\nAPI version: 2\n", etcd_v2_version());
    } else {
        code = dispatch(NULL, commands, &global, global.arguments, global.count);
    }
    flags_free(&global);
    text_free(&why);
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    perror("etcd2ctl: standard output");
    return code != DONE ? code : BAD_ARGUMENTS;
}
