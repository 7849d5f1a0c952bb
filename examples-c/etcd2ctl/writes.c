/* set, mk, update, mkdir, setdir, updatedir. */
#include "etcd2ctl.h"
#include <string.h>

static const flag set_flags[] = {
    {"ttl", NULL, INT, "key time-to-live in seconds"},
    {"swap-with-value", NULL, TEXT, "previous value"},
    {"swap-with-index", NULL, INT, "previous index"},
    END_OF_FLAGS,
};

static int write_now(errand *e, const call *c, int code) {
    if (code == DONE) code = errand_value(e, c);
    if (code == DONE) code = errand_ttl(e, c);
    if (code == DONE) code = errand_run(e, c);
    if (code == DONE) print_response(e->answer, output_format(c));
    return errand_end(e, code);
}

static int set_run(const call *c) {
    const char *value = flag_text(c->own, "swap-with-value");
    int64_t index = flag_number(c->own, "swap-with-index", 0);
    bool compares = *value != '\0' || index != 0;
    errand e;
    int code = errand_begin(&e, c, compares ? ETCD_V2_OP_COMPARE_AND_SWAP : ETCD_V2_OP_SET);
    if (code == DONE && compares) code = errand_conditions(&e, value, index);
    return write_now(&e, c, code);
}

const command set_command = {
    "set", "set the value of a key", "<key> <value>     or: set -- <key> <value>, when it begins with '-'",
    set_flags, set_run, NULL};

static const flag mk_flags[] = {
    {"in-order", NULL, BOOL, "create in-order key under directory <key>"},
    {"ttl", NULL, INT, "key time-to-live in seconds"},
    END_OF_FLAGS,
};

static int mk_run(const call *c) {
    errand e;
    bool in_order = flag_on(c->own, "in-order");
    return write_now(&e, c, errand_begin(&e, c, in_order ? ETCD_V2_OP_CREATE_IN_ORDER : ETCD_V2_OP_CREATE));
}

const command mk_command = {"mk", "make a new key with a given value", "<key> <value>", mk_flags, mk_run, NULL};

static const flag ttl_flags[] = {
    {"ttl", NULL, INT, "key time-to-live in seconds"},
    END_OF_FLAGS,
};

static int update_run(const call *c) {
    errand e;
    return write_now(&e, c, errand_begin(&e, c, ETCD_V2_OP_UPDATE));
}

const command update_command = {"update", "update an existing key with a given value", "<key> <value>",
                                ttl_flags, update_run, NULL};

/* Of a directory nothing is told, unless more than the value is asked for. */
static int write_directory(const call *c, int32_t operation) {
    errand e;
    int code = errand_begin(&e, c, operation);
    if (code == DONE) code = errand_flags(&e, ETCD_V2_DIR);
    if (code == DONE) code = errand_ttl(&e, c);
    if (code == DONE) code = errand_run(&e, c);
    if (code == DONE && strcmp(output_format(c), "simple") != 0) print_response(e.answer, output_format(c));
    return errand_end(&e, code);
}

static int mkdir_run(const call *c) { return write_directory(c, ETCD_V2_OP_CREATE); }
static int setdir_run(const call *c) { return write_directory(c, ETCD_V2_OP_SET); }
static int updatedir_run(const call *c) { return write_directory(c, ETCD_V2_OP_UPDATE); }

const command mkdir_command = {"mkdir", "make a new directory", "<key>", ttl_flags, mkdir_run, NULL};
const command setdir_command = {"setdir", "create a new directory", "<key>", ttl_flags, setdir_run, NULL};
const command updatedir_command = {"updatedir", "update an existing directory", "<key>", ttl_flags, updatedir_run,
                                   NULL};
