/*
 * etcd2ctl: the command line tool of the v2 API, with the commands, flags, output and exit codes of etcdctl.
 *
 * What its files share, file by file. Nothing but etcd_v2.h and the C library of a POSIX system is used.
 */
#ifndef ETCD2CTL_H
#define ETCD2CTL_H

#define _POSIX_C_SOURCE 200809L
#include <etcd_v2.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* How a command ends. */
enum {
    DONE = 0,
    BAD_ARGUMENTS = 1, /* and whatever fails in administration */
    BAD_CONNECTION = 2,
    NO_TOPIC = 3,
    SERVER_ERROR = 4,
    NOT_HEALTHY = 5,
    INTERRUPTED = 255 /* while a password was asked for */
};

/* == text.c: memory and text that grows; both end the program when there is no memory left == */

typedef struct text {
    char *bytes; /* ends in a NUL; NULL while nothing was added */
    size_t length, room;
} text;

void *grown(void *block, size_t count, size_t size);
void text_add(text *t, const char *bytes, size_t length);
void text_put(text *t, const char *word);
void text_free(text *t);
/* Everything from standard input; false when it cannot be read. */
bool text_read_all(text *t);

/* == flags.c: flags as Go programs take them == */

typedef enum flag_kind { BOOL, INT, TEXT, LIST, DURATION } flag_kind;

typedef struct flag {
    const char *name, *other; /* two forms; the second may be NULL */
    flag_kind kind;
    const char *usage;
} flag; /* a table of them ends with one without a name */

/* What every table ends with. */
#define END_OF_FLAGS {"help", "h", BOOL, "show help"}, {NULL, NULL, BOOL, NULL}

typedef struct value {
    const char *form; /* of the two, the one that was given; NULL: none was */
    int64_t number;   /* BOOL: 0 or 1; DURATION: nanoseconds */
    const char **texts;
    size_t count; /* of texts; the last one counts, but for LIST */
} value;

typedef struct flag_set {
    const flag *flags;
    value *values; /* one for each flag */
    char **arguments;
    int count; /* of the arguments that are left */
} flag_set;

/* Reads flags up to the first argument that is none; false, with the reason in `why`, for a bad one. */
bool flags_parse(flag_set *set, const flag *flags, char **arguments, int count, text *why);
/* Puts flags of the table, with what follows them, before everything else; the result is to be freed. */
char **flags_first(const flag *flags, char **arguments, int *count, bool keep_dashes);
void flags_free(flag_set *set);
const value *flag_value(const flag_set *set, const char *name);
bool flag_on(const flag_set *set, const char *name);
const char *flag_text(const flag_set *set, const char *name); /* "" when it was not given */
int64_t flag_number(const flag_set *set, const char *name, int64_t otherwise);

/* == numbers.c: what Go reads as a number, a truth or a duration; NULL, or what is wrong == */

const char *read_int(const char *word, int64_t *out);
const char *read_bool(const char *word, int64_t *out);
const char *read_duration(const char *word, int64_t *nanoseconds);

/* == help.c and main.c: commands == */

typedef struct call {
    const flag_set *global, *own;
    char **arguments;
    int count;
} call;

typedef struct command {
    const char *name, *usage, *arguments;
    const flag *flags;                  /* NULL as the next one, when it has parts */
    int (*run)(const call *c);
    const struct command *const *parts; /* ends with NULL */
} command;

extern const flag global_flags[];
extern const command *const commands[]; /* ends with NULL */

const command *command_find(const command *const *among, const char *name);
void help_program(void);
void help_command(const command *group, const command *c); /* `group` is NULL for what stands alone */

/* In flags.c: a flag, else a variable of the environment, else "". */
const char *setting(const call *c, const char *flag, const char *variable);

/* == session.c: from flags and environment to a client == */

/* Makes a client; `sync` asks the cluster for its members first, as --no-sync forbids. DONE, or how to end. */
int session_open(const call *c, bool sync, etcd_v2_client **out);
/* Whether --total-timeout leaves no time for anything. */
bool session_is_over(const call *c);
/* What --output says. */
const char *output_format(const call *c);

/* == discovery.c: members from the DNS == */

bool discovery_wanted(const call *c);
etcd_v2_status discovery_set(etcd_v2_options *options, const call *c, etcd_v2_error **err);
/* Looks for them; DONE, or how to end when there are none that may be used. */
int discovery_check(const call *c, const etcd_v2_client *client);

/* == output.c: answers and errors == */

void print_response(const etcd_v2_response *answer, const char *format);
void print_node_value(const etcd_v2_node *node);
const char *key_told(const etcd_v2_node *node);
/* "Error:  100: Key not found (/nope) [7]" on standard error; frees the error. */
int report(etcd_v2_error *error, int code);
int report_words(const char *words, int code);
void print_reason(const etcd_v2_error *error);
void print_doubt(const etcd_v2_error *error); /* whether it may have been applied */

/* == key.c and errand.c: one request about a key, from its first setting to what is printed == */

/* The key as etcd will see it: without empty, "." and ".." parts. */
void key_clean(text *t, const char *key);

typedef struct errand {
    etcd_v2_client *client;
    etcd_v2_request *request;
    etcd_v2_response *answer;
} errand;

/* The key is the first argument. These answer DONE, or how to end after what they have printed. */
int errand_begin(errand *e, const call *c, int32_t operation);
int errand_value(errand *e, const call *c); /* the second argument, else standard input */
int errand_ttl(errand *e, const call *c);
int errand_flags(errand *e, uint32_t flags);
int errand_conditions(errand *e, const char *prev_value, int64_t prev_index);
int errand_run(errand *e, const call *c);
/* Frees everything and gives back the code. */
int errand_end(errand *e, int code);

/* == auth.c: what the commands of administration have in common == */

int admin_open(const call *c, etcd_v2_client **client);
/* DONE, or 1 after the reason was printed; frees the error. */
int admin_judged(etcd_v2_status status, etcd_v2_error *const *error);
int refuse(const char *words); /* 1, after they were printed */

/* == password.c == */

int ask_password(const char *prompt, text *password);

/* == interrupt.c and follow.c: what waits until Ctrl-C == */

/* From now on Ctrl-C, or `every` signal that ends programs, only makes the descriptor readable; -1: none is left. */
int interrupt_catch(bool every);
void interrupt_release(void);

typedef struct follower {
    etcd_v2_client *client;
    etcd_v2_watcher *watcher;
    int changed, interrupted; /* descriptors */
} follower;

/* Watches `key` as --after-index and --recursive say; DONE, or how to end. */
int follow_begin(follower *f, const call *c, const char *key);
/* The next change; NULL with DONE after Ctrl-C. */
int follow_next(follower *f, etcd_v2_event **change);
void follow_end(follower *f);

/* == the commands, by file == */

extern const command get_command, ls_command, rm_command, rmdir_command; /* keys.c */
extern const command set_command, mk_command, update_command;             /* writes.c */
extern const command mkdir_command, setdir_command, updatedir_command;    /* writes.c */
extern const command watch_command, exec_watch_command;                   /* watch.c, exec_watch.c */
extern const command member_command, health_command;                      /* members.c, health.c */
extern const command user_command, role_command, auth_command;            /* users.c, roles.c, auth.c */

#endif
