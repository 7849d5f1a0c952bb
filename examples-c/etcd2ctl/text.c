/* Memory and text that grows. */
#include "etcd2ctl.h"
#include <stdlib.h>
#include <string.h>

void *grown(void *block, size_t count, size_t size) {
    void *bigger = count <= SIZE_MAX / size ? realloc(block, count * size) : NULL;
    if (bigger != NULL) return bigger;
    fputs("etcd2ctl: out of memory\n", stderr);
    exit(BAD_ARGUMENTS);
}

/* Room for more bytes and a NUL. */
static void text_room(text *t, size_t more) {
    size_t need = t->length + more + 1;
    if (need <= t->room) return;
    t->room = need + need / 2;
    t->bytes = grown(t->bytes, t->room, 1);
}

void text_add(text *t, const char *bytes, size_t length) {
    text_room(t, length);
    if (length > 0) memcpy(t->bytes + t->length, bytes, length);
    t->length += length;
    t->bytes[t->length] = '\0';
}

void text_put(text *t, const char *word) { text_add(t, word, strlen(word)); }

void text_free(text *t) {
    free(t->bytes);
    *t = (text){NULL, 0, 0};
}

bool text_read_all(text *t) {
    char part[4096];
    size_t length;
    while ((length = fread(part, 1, sizeof part, stdin)) > 0) text_add(t, part, length);
    return !ferror(stdin);
}
