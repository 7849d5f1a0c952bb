/* get, ls, rm, rmdir. */
#include "etcd2ctl.h"
#include <string.h>

static const flag get_flags[] = {
    {"sort", NULL, BOOL, "returns result in sorted order"},
    {"quorum", "q", BOOL, "require quorum for get request"},
    END_OF_FLAGS,
};

static uint32_t read_flags(const call *c) {
    return (flag_on(c->own, "sort") ? ETCD_V2_SORTED : 0U) | (flag_on(c->own, "quorum") ? ETCD_V2_QUORUM : 0U);
}

static int get_run(const call *c) {
    errand e;
    int code = errand_begin(&e, c, ETCD_V2_OP_GET);
    if (code == DONE) code = errand_flags(&e, read_flags(c));
    if (code == DONE) code = errand_run(&e, c);
    const etcd_v2_node *node = etcd_v2_response_node(e.answer);
    if (code == DONE && etcd_v2_node_is_dir(node)) {
        fprintf(stderr, "%s: is a directory\n", key_told(node));
        code = BAD_ARGUMENTS;
    }
    if (code == DONE) print_response(e.answer, output_format(c));
    return errand_end(&e, code);
}

const command get_command = {"get", "retrieve the value of a key", "<key>", get_flags, get_run, NULL};

static const flag ls_flags[] = {
    {"sort", NULL, BOOL, "returns result in sorted order"},
    {"recursive", "r", BOOL, "returns all key names recursively for the given path"},
    {"p", NULL, BOOL, "append slash (/) to directories"},
    {"quorum", "q", BOOL, "require quorum for get request"},
    END_OF_FLAGS,
};

static void print_names(const etcd_v2_node *node, bool with_slash) {
    for (size_t i = 0; i < etcd_v2_node_child_count(node); i++) {
        const etcd_v2_node *child = etcd_v2_node_child_at(node, i);
        printf("%s%s\n", etcd_v2_node_key(child, NULL), with_slash && etcd_v2_node_is_dir(child) ? "/" : "");
        print_names(child, with_slash);
    }
}

static int ls_run(const call *c) {
    char root[] = "/", *arguments[] = {root};
    call listed = *c;
    errand e;
    if (c->count == 0) {
        listed.arguments = arguments;
        listed.count = 1;
    }
    int code = errand_begin(&e, &listed, ETCD_V2_OP_GET);
    uint32_t recursive = flag_on(c->own, "recursive") ? ETCD_V2_RECURSIVE : 0U;
    if (code == DONE) code = errand_flags(&e, read_flags(c) | recursive);
    if (code == DONE) code = errand_run(&e, c);
    if (code == DONE && strcmp(output_format(c), "simple") == 0) {
        const etcd_v2_node *node = etcd_v2_response_node(e.answer);
        if (!etcd_v2_node_is_dir(node)) puts(etcd_v2_node_key(node, NULL));
        print_names(node, flag_on(c->own, "p"));
    } else if (code == DONE) {
        print_response(e.answer, output_format(c));
    }
    return errand_end(&e, code);
}

const command ls_command = {"ls", "retrieve a directory", "[key]", ls_flags, ls_run, NULL};

static const flag rm_flags[] = {
    {"dir", NULL, BOOL, "removes the key if it is an empty directory or a key-value pair"},
    {"recursive", "r", BOOL, "removes the key and all child keys(if it is a directory)"},
    {"with-value", NULL, TEXT, "previous value"},
    {"with-index", NULL, INT, "previous index"},
    END_OF_FLAGS,
};

/* Of a directory nothing is told, unless more than the value is asked for. */
static int remove_now(errand *e, const call *c, int code) {
    if (code == DONE) code = errand_run(e, c);
    bool quiet = etcd_v2_node_is_dir(etcd_v2_response_node(e->answer)) && strcmp(output_format(c), "simple") == 0;
    if (code == DONE && !quiet) print_response(e->answer, output_format(c));
    return errand_end(e, code);
}

static int rm_run(const call *c) {
    const char *value = flag_text(c->own, "with-value");
    int64_t index = flag_number(c->own, "with-index", 0);
    uint32_t flags = (flag_on(c->own, "dir") ? ETCD_V2_DIR : 0U)
                     | (flag_on(c->own, "recursive") ? ETCD_V2_RECURSIVE : 0U);
    /* with a condition etcd looks at nothing else */
    bool compares = *value != '\0' || index != 0;
    errand e;
    int code = errand_begin(&e, c, compares ? ETCD_V2_OP_COMPARE_AND_DELETE : ETCD_V2_OP_DELETE);
    if (code == DONE) code = compares ? errand_conditions(&e, value, index) : errand_flags(&e, flags);
    return remove_now(&e, c, code);
}

const command rm_command = {"rm", "remove a key or a directory", "<key>", rm_flags, rm_run, NULL};

static const flag no_flags[] = {END_OF_FLAGS};

static int rmdir_run(const call *c) {
    errand e;
    int code = errand_begin(&e, c, ETCD_V2_OP_DELETE);
    if (code == DONE) code = errand_flags(&e, ETCD_V2_DIR);
    return remove_now(&e, c, code);
}

const command rmdir_command = {"rmdir", "removes the key if it is an empty directory or a key-value pair", "<key>",
                               no_flags, rmdir_run, NULL};
