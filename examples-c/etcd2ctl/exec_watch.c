/* exec-watch: a program for each change, which it finds in its environment. */
#include "etcd2ctl.h"
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const flag exec_watch_flags[] = {
    {"after-index", NULL, INT, "watch after the given index"},
    {"recursive", "r", BOOL, "watch all values for key and child keys"},
    END_OF_FLAGS,
};

/* Ours, one after the other in `words` with their NULs, then those of this program that have other names. */
static char **environment(text *words, const etcd_v2_event *change) {
    static const char *const names[] = {"ETCD_WATCH_ACTION=", "ETCD_WATCH_MODIFIED_INDEX=", "ETCD_WATCH_KEY=",
                                        "ETCD_WATCH_VALUE="};
    const etcd_v2_node *node = etcd_v2_event_node(change);
    const char *value = etcd_v2_node_value(node, NULL);
    size_t starts[4], count = 0;
    char index[24];
    snprintf(index, sizeof index, "%" PRIu64, etcd_v2_node_modified_index(node));
    const char *const contents[] = {etcd_v2_response_action(etcd_v2_event_response(change)), index,
                                    etcd_v2_node_key(node, NULL), value != NULL ? value : ""};
    for (size_t i = 0; i < 4; i++) {
        starts[i] = words->length;
        text_put(words, names[i]);
        text_put(words, contents[i]);
        text_add(words, "", 1);
    }
    while (environ[count] != NULL) count++;
    char **list = grown(NULL, count + 5, sizeof *list);
    count = 0;
    for (size_t i = 0; i < 4; i++) list[count++] = words->bytes + starts[i];
    for (char **old = environ; *old != NULL; old++) {
        bool ours = false;
        for (size_t i = 0; i < 4; i++) ours = ours || strncmp(*old, names[i], strlen(names[i])) == 0;
        if (!ours) list[count++] = *old;
    }
    list[count] = NULL;
    return list;
}

/* Starts the program and does not wait for it. */
static int start(char **program, const etcd_v2_event *change) {
    posix_spawn_file_actions_t files;
    text words = {NULL, 0, 0};
    char **variables = environment(&words, change);
    pid_t child;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    int failed = posix_spawnp(&child, program[0], &files, NULL, program, variables);
    posix_spawn_file_actions_destroy(&files);
    free(variables);
    text_free(&words);
    if (failed == 0) return DONE;
    fprintf(stderr, "exec: \"%s\": %s\n", program[0], strerror(failed));
    return BAD_ARGUMENTS;
}

static int told(char **program, const etcd_v2_event *change) {
    const etcd_v2_node *node = etcd_v2_event_node(change);
    while (waitpid(-1, NULL, WNOHANG) > 0) continue; /* those that have ended meanwhile */
    if (node == NULL) return DONE;
    if (!etcd_v2_node_is_dir(node)) return start(program, change);
    fprintf(stderr, "Ignored dir %s change\n", etcd_v2_node_key(node, NULL));
    return DONE;
}

/* "key -- program arguments", or "program arguments key". */
static bool split(const call *c, const char **key, char ***program) {
    bool dashes = false;
    if (c->count < 2) return false;
    for (int i = 1; i < c->count; i++) dashes = dashes || strcmp(c->arguments[i], "--") == 0;
    *key = c->arguments[dashes ? 0 : c->count - 1];
    *program = c->arguments + (dashes ? 2 : 0);
    if (!dashes) c->arguments[c->count - 1] = NULL;
    return **program != NULL;
}

static int exec_watch_run(const call *c) {
    follower f = {NULL, NULL, -1, -1};
    etcd_v2_event *change = NULL;
    const char *key = NULL;
    char **program = NULL;
    int code = session_open(c, true, &f.client);
    if (code == DONE && !split(c, &key, &program)) {
        code = report_words("key and command to exec required", BAD_ARGUMENTS);
    }
    if (code == DONE) code = follow_begin(&f, c, key);
    for (bool more = true; code == DONE && more;) {
        code = follow_next(&f, &change);
        more = change != NULL;
        if (more) code = told(program, change);
        etcd_v2_event_free(change);
    }
    follow_end(&f);
    return code;
}

const command exec_watch_command = {"exec-watch", "watch a key for changes and exec an executable",
                                    "<key> -- <command> [args...]", exec_watch_flags, exec_watch_run, NULL};
