/* Flags as Go programs take them: -name and --name are the same, =value or the next argument follows. */
#include "etcd2ctl.h"
#include <stdlib.h>
#include <string.h>

static bool is_named(const flag *f, const char *name, size_t length) {
    if (strlen(f->name) == length && memcmp(f->name, name, length) == 0) return true;
    return f->other != NULL && strlen(f->other) == length && memcmp(f->other, name, length) == 0;
}

static const flag *find(const flag *flags, const char *name, size_t length) {
    while (flags->name != NULL && !is_named(flags, name, length)) flags++;
    return flags->name != NULL ? flags : NULL;
}

/* The name without its dashes, up to a "=". */
static const char *bare(const char *argument, size_t *length) {
    if (*argument == '-') argument++;
    if (*argument == '-') argument++;
    *length = strcspn(argument, "=");
    return argument;
}

static bool is_flag(const flag *flags, const char *argument) {
    size_t length;
    if (argument[0] != '-' || argument[1] == '\0' || strcmp(argument, "--") == 0) return false;
    const char *name = bare(argument, &length);
    return find(flags, name, length) != NULL;
}

char **flags_first(const flag *flags, char **arguments, int *count, bool keep_dashes) {
    char **first = grown(NULL, (size_t)*count + 1, sizeof *first);
    char **rest = grown(NULL, (size_t)*count + 1, sizeof *rest);
    int firsts = 0, rests = 0;
    bool awaits_value = false; /* of a flag; one that takes none moves what follows it, too */
    for (int i = 0; i < *count; i++) {
        if (awaits_value && !is_flag(flags, arguments[i])) {
            awaits_value = false;
            first[firsts++] = arguments[i];
        } else if (strcmp(arguments[i], "--") == 0) {
            /* what follows is no flag, and so is what was left before it */
            int at = keep_dashes ? rests : 0;
            memmove(rest + at + 1, rest + at, (size_t)(rests - at) * sizeof *rest);
            rest[at] = arguments[i++];
            rests++;
            while (i < *count) rest[rests++] = arguments[i++];
        } else if (is_flag(flags, arguments[i])) {
            awaits_value = strchr(arguments[i], '=') == NULL;
            first[firsts++] = arguments[i];
        } else {
            rest[rests++] = arguments[i];
        }
    }
    memcpy(first + firsts, rest, (size_t)rests * sizeof *rest);
    free(rest);
    *count = firsts + rests;
    first[*count] = NULL;
    return first;
}

static bool bad(text *why, const char *before, const char *word, const char *after) {
    text_put(why, before);
    text_put(why, word);
    text_put(why, after);
    return false;
}

static bool bad_value(text *why, const flag *f, const char *form, const char *word, const char *reason) {
    text_put(why, f->kind == BOOL ? "invalid boolean value \"" : "invalid value \"");
    text_put(why, word);
    text_put(why, f->kind == BOOL ? "\" for -" : "\" for flag -");
    return bad(why, form, ": ", reason);
}

/* One flag with its value, which is NULL for a BOOL without one. */
static bool take(const flag *f, value *v, const char *form, const char *word, text *why) {
    const char *reason = NULL;
    if (v->form != NULL && v->form != form) {
        text_put(why, "Cannot use two forms of the same flag: ");
        return bad(why, f->other, " ", f->name);
    }
    if (f->kind == BOOL) reason = read_bool(word != NULL ? word : "true", &v->number);
    if (f->kind == INT) reason = read_int(word, &v->number);
    if (f->kind == DURATION) reason = read_duration(word, &v->number);
    if (reason != NULL) return bad_value(why, f, form, word, reason);
    v->form = form;
    if (word == NULL) return true;
    v->texts = grown(v->texts, v->count + 1, sizeof *v->texts);
    v->texts[v->count++] = word;
    return true;
}

bool flags_parse(flag_set *set, const flag *flags, char **arguments, int count, text *why) {
    size_t table = 0;
    int i = 0;
    while (flags[table].name != NULL) table++;
    set->flags = flags;
    set->values = grown(NULL, table + 1, sizeof *set->values);
    for (size_t k = 0; k <= table; k++) set->values[k] = (value){NULL, 0, NULL, 0};
    while (i < count && arguments[i][0] == '-' && arguments[i][1] != '\0') {
        size_t length;
        const char *argument = arguments[i++], *name = bare(argument, &length), *word = NULL;
        if (strcmp(argument, "--") == 0) break;
        if (length == 0 || name[0] == '-') return bad(why, "bad flag syntax: ", argument, "");
        const flag *f = find(flags, name, length);
        if (f == NULL) {
            text_put(why, "flag provided but not defined: -");
            text_add(why, name, length);
            return false;
        }
        if (name[length] == '=') word = name + length + 1;
        else if (f->kind != BOOL && i < count) word = arguments[i++];
        else if (f->kind != BOOL) return bad(why, "flag needs an argument: -", name, "");
        const char *form = strlen(f->name) == length && memcmp(f->name, name, length) == 0 ? f->name : f->other;
        if (!take(f, &set->values[f - flags], form, word, why)) return false;
    }
    set->arguments = arguments + i;
    set->count = count - i;
    return true;
}

void flags_free(flag_set *set) {
    for (size_t i = 0; set->values != NULL && set->flags[i].name != NULL; i++) free((void *)set->values[i].texts);
    free(set->values);
    set->values = NULL;
}

const value *flag_value(const flag_set *set, const char *name) {
    const flag *f = find(set->flags, name, strlen(name));
    if (f == NULL) abort(); /* a command asks for a flag that its table does not have */
    return &set->values[f - set->flags];
}

bool flag_on(const flag_set *set, const char *name) { return flag_value(set, name)->number != 0; }

const char *flag_text(const flag_set *set, const char *name) {
    const value *v = flag_value(set, name);
    return v->count > 0 ? v->texts[v->count - 1] : "";
}

int64_t flag_number(const flag_set *set, const char *name, int64_t otherwise) {
    const value *v = flag_value(set, name);
    return v->form != NULL ? v->number : otherwise;
}

const char *setting(const call *c, const char *flag, const char *variable) {
    const char *word = flag_text(c->global, flag);
    if (*word == '\0') word = getenv(variable);
    return word != NULL ? word : "";
}
