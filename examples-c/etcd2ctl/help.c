/* What is printed to who asks for help, or asks wrongly. */
#include "etcd2ctl.h"
#include <string.h>

static void print_columns(const char *left, const char *right, size_t width) {
    printf("   %-*s  %s\n", (int)width, left, right);
}

static void flag_form(text *t, const flag *f) {
    const char *dashes = f->name[1] != '\0' ? "--" : "-", *what = f->kind != BOOL ? " value" : "";
    t->length = 0;
    text_put(t, dashes);
    text_put(t, f->name);
    text_put(t, what);
    if (f->other == NULL) return;
    text_put(t, f->other[1] != '\0' ? ", --" : ", -");
    text_put(t, f->other);
    text_put(t, what);
}

static void print_flags(const char *title, const flag *flags) {
    text form = {NULL, 0, 0};
    size_t width = 0;
    if (flags->name == NULL) return;
    printf("\n%s:\n", title);
    for (const flag *f = flags; f->name != NULL; f++) {
        flag_form(&form, f);
        if (form.length > width) width = form.length;
    }
    for (const flag *f = flags; f->name != NULL; f++) {
        flag_form(&form, f);
        print_columns(form.bytes, f->usage, width);
    }
    text_free(&form);
}

static void print_commands(const command *const *among) {
    size_t width = 0;
    puts("\nCOMMANDS:");
    for (size_t i = 0; among[i] != NULL; i++) {
        if (strlen(among[i]->name) > width) width = strlen(among[i]->name);
    }
    for (size_t i = 0; among[i] != NULL; i++) print_columns(among[i]->name, among[i]->usage, width);
}

void help_program(void) {
    puts("NAME:\n   etcd2ctl - A simple command line client for etcd.\n");
    puts("USAGE:\n   etcd2ctl [global options] command [command options] [arguments...]\n");
    printf("VERSION:\n   %s\n", etcd_v2_version());
    print_commands(commands);
    print_flags("GLOBAL OPTIONS", global_flags);
}

void help_command(const command *group, const command *c) {
    const char *space = group != NULL ? " " : "", *first = group != NULL ? group->name : "";
    const char *options = c->parts != NULL ? " command" : " [command options]";
    printf("NAME:\n   etcd2ctl %s%s%s - %s\n\n", first, space, c->name, c->usage);
    printf("USAGE:\n   etcd2ctl %s%s%s%s %s\n", first, space, c->name, options, c->arguments);
    if (c->parts != NULL) print_commands(c->parts);
    if (c->flags != NULL) print_flags("OPTIONS", c->flags);
}
