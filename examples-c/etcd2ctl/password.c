/* Passwords, read from standard input; a terminal does not show what is typed. */
#include "etcd2ctl.h"
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Up to the end of the line, byte by byte, so that what follows is left; false after a signal. */
static bool read_line(text *line, int interrupted) {
    struct pollfd either[2] = {{STDIN_FILENO, POLLIN, 0}, {interrupted, POLLIN, 0}};
    char byte;
    text_add(line, "", 0);
    for (;;) {
        if (poll(either, 2, -1) < 0 && errno != EINTR) return false;
        if (either[1].revents != 0) return false;
        if (either[0].revents == 0) continue;
        if (read(STDIN_FILENO, &byte, 1) != 1 || byte == '\n') return true;
        text_add(line, &byte, 1);
    }
}

static void trim(text *t) {
    size_t start = 0;
    while (t->length > 0 && isspace((unsigned char)t->bytes[t->length - 1])) t->length--;
    while (start < t->length && isspace((unsigned char)t->bytes[start])) start++;
    t->length -= start;
    memmove(t->bytes, t->bytes + start, t->length);
    t->bytes[t->length] = '\0';
}

int ask_password(const char *prompt, text *password) {
    struct termios shown, hidden;
    bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    int interrupted = interrupt_catch(true);
    fputs(prompt, stdout);
    fflush(stdout);
    if (terminal) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    bool whole = read_line(password, interrupted);
    if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    interrupt_release();
    putchar('\n');
    trim(password);
    return whole ? DONE : INTERRUPTED;
}
