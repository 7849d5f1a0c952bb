/* Numbers, truths and durations, as Go's own flags read them. */
#include "etcd2ctl.h"
#include <string.h>

static const char not_one[] = "parse error", too_big[] = "value out of range";

static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* Decimal, or 0x, 0o, 0b, and a leading 0 for octal. */
const char *read_int(const char *word, int64_t *out) {
    bool negative = *word == '-', fits = true;
    uint64_t sum = 0, most = (uint64_t)INT64_MAX + negative;
    int base = 10;
    if (*word == '-' || *word == '+') word++;
    if (word[0] == '0' && word[1] != '\0') {
        char kind = word[1] | 0x20;
        base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
        word += kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 1;
    }
    if (*word == '\0') return not_one;
    for (; *word != '\0'; word++) {
        int digit = digit_of(*word);
        if (digit >= base) return not_one;
        if (sum > (most - (uint64_t)digit) / (uint64_t)base) fits = false;
        else sum = sum * (uint64_t)base + (uint64_t)digit;
    }
    if (!fits) return too_big;
    *out = !negative ? (int64_t)sum : sum == 0 ? 0 : -(int64_t)(sum - 1) - 1;
    return NULL;
}

const char *read_bool(const char *word, int64_t *out) {
    static const char *const words[2][6] = {{"0", "f", "F", "false", "FALSE", "False"},
                                            {"1", "t", "T", "true", "TRUE", "True"}};
    for (int truth = 0; truth < 2; truth++) {
        for (int i = 0; i < 6; i++) {
            if (strcmp(word, words[truth][i]) == 0) {
                *out = truth;
                return NULL;
            }
        }
    }
    return not_one;
}

static const struct unit {
    const char *name;
    int64_t nanoseconds;
} units[] = {{"ns", 1}, {"us", 1000}, {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000}, {"ms", 1000000}, {"s", 1000000000},
             {"m", INT64_C(60) * 1000000000}, {"h", INT64_C(3600) * 1000000000}};

/* The unit that the word begins with, up to the next number. */
static const struct unit *unit_of(const char **word) {
    size_t length = strcspn(*word, ".0123456789");
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strlen(units[i].name) == length && memcmp(units[i].name, *word, length) == 0) {
            *word += length;
            return &units[i];
        }
    }
    return NULL;
}

/* "1h2m3.5s"; only "0" needs no unit. */
const char *read_duration(const char *word, int64_t *nanoseconds) {
    bool negative = *word == '-';
    int64_t sum = 0;
    if (*word == '-' || *word == '+') word++;
    if (strcmp(word, "0") == 0) {
        *nanoseconds = 0;
        return NULL;
    }
    if (*word == '\0') return not_one;
    while (*word != '\0') {
        int64_t whole = 0;
        double fraction = 0, scale = 1;
        bool any = false;
        for (; *word >= '0' && *word <= '9'; word++, any = true) {
            if (whole > (INT64_MAX - 9) / 10) return not_one;
            whole = whole * 10 + (*word - '0');
        }
        if (*word == '.') {
            for (word++; *word >= '0' && *word <= '9'; word++, any = true) fraction += (*word - '0') / (scale *= 10);
        }
        const struct unit *unit = any ? unit_of(&word) : NULL;
        if (unit == NULL || whole > (INT64_MAX - sum) / unit->nanoseconds - 1) return not_one;
        sum += whole * unit->nanoseconds + (int64_t)(fraction * (double)unit->nanoseconds);
    }
    *nanoseconds = negative ? -sum : sum;
    return NULL;
}
