/* Ctrl-C, told through a descriptor: poll() on it beside others, so that what is held is let go as ever. */
#include "etcd2ctl.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int ends[2] = {-1, -1};

static void note(int signal) {
    (void)signal;
    /* the pipe is never full, since it is never read and nothing follows */
    if (write(ends[1], "", 1) < 0) return;
}

int interrupt_catch(void) {
    struct sigaction action;
    if (pipe(ends) != 0) return -1;
    /* not for the programs of exec-watch; and a second Ctrl-C ends this one at once */
    for (int i = 0; i < 2; i++) fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    memset(&action, 0, sizeof action);
    action.sa_handler = note;
    action.sa_flags = (int)SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    return ends[0];
}
