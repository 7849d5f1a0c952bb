/* Signals that end a program, told through a descriptor: poll() on it beside others, then let go of what is held. */
#include "etcd2ctl.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static int ends[2] = {-1, -1};

static void note(int signal) {
    (void)signal;
    if (write(ends[1], "", 1) < 0) return; /* a pipe that nobody reads is not full after one byte for each signal */
}

static void handle(size_t count, void (*handler)(int)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = (int)SA_RESETHAND; /* the second one ends the program at once */
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < count; i++) sigaction(signals[i], &action, NULL);
}

int interrupt_catch(bool every) {
    if (pipe(ends) != 0) return -1;
    for (int i = 0; i < 2; i++) fcntl(ends[i], F_SETFD, FD_CLOEXEC); /* not for the programs of exec-watch */
    handle(every ? sizeof signals / sizeof signals[0] : 1, note);
    return ends[0];
}

void interrupt_release(void) {
    handle(sizeof signals / sizeof signals[0], SIG_DFL);
    for (int i = 0; i < 2; i++) close(ends[i]);
}
