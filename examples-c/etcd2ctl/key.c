/* Keys as etcd will see them: etcdctl takes "a", "//a/" and "/x/../a" for "/a", which the library refuses to guess. */
#include "etcd2ctl.h"
#include <string.h>

void key_clean(text *t, const char *key) {
    text_put(t, "/");
    while (*key != '\0') {
        size_t length = strcspn(key, "/");
        if (length == 2 && memcmp(key, "..", 2) == 0) {
            while (t->length > 1 && t->bytes[t->length - 1] != '/') t->length--;
            if (t->length > 1) t->length--;
            t->bytes[t->length] = '\0';
        } else if (length > 0 && !(length == 1 && *key == '.')) {
            if (t->length > 1) text_put(t, "/");
            text_add(t, key, length);
        }
        key += length;
        key += *key == '/';
    }
}
