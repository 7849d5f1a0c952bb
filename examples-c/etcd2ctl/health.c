/* cluster-health. */
#include "etcd2ctl.h"
#include <poll.h>

static const flag health_flags[] = {
    {"forever", "f", BOOL, "forever check the health every 10 second until CTRL+C"},
    END_OF_FLAGS,
};

/* Those that did not answer, in front of what decided. */
static void print_failures(const etcd_v2_health *member) {
    const char *id = etcd_v2_health_id(member), *url, *why;
    for (size_t i = 0; etcd_v2_health_attempt_at(member, i, &url, &why); i++) {
        printf("failed to check the health of member %s on %s: %s\n", id, url, why);
    }
}

static void print_unreachable(const etcd_v2_health *member) {
    const char *url;
    printf("member %s is unreachable: [", etcd_v2_health_id(member));
    for (size_t i = 0; etcd_v2_health_attempt_at(member, i, &url, NULL); i++) {
        printf("%s%s", i > 0 ? " " : "", url);
    }
    puts("] are all unreachable");
}

static void print_member(const etcd_v2_health *member) {
    const char *id = etcd_v2_health_id(member), *url = etcd_v2_health_endpoint(member);
    print_failures(member);
    switch (etcd_v2_health_state(member)) {
    case ETCD_V2_HEALTH_HEALTHY: printf("member %s is healthy: got healthy result from %s\n", id, url); break;
    case ETCD_V2_HEALTH_UNHEALTHY: printf("member %s is unhealthy: got unhealthy result from %s\n", id, url); break;
    case ETCD_V2_HEALTH_NO_CLIENT_URLS:
        printf("member %s is unreachable: no available published client urls\n", id);
        break;
    default: print_unreachable(member);
    }
}

/* One look at all members. */
static int look(const etcd_v2_client *client) {
    etcd_v2_health_report *told;
    etcd_v2_error *error;
    if (etcd_v2_health_check_cluster(client, &told, &error) != ETCD_V2_OK) {
        puts("cluster may be unhealthy: failed to list members");
        return report(error, SERVER_ERROR);
    }
    for (size_t i = 0; i < etcd_v2_health_report_count(told); i++) print_member(etcd_v2_health_report_at(told, i));
    int32_t state = etcd_v2_health_report_state(told);
    const char *word = state == ETCD_V2_HEALTH_HEALTHY ? "healthy" : state == ETCD_V2_HEALTH_DEGRADED ? "degraded" : "unavailable";
    printf("cluster is %s\n", word);
    etcd_v2_health_report_free(told);
    return state == ETCD_V2_HEALTH_HEALTHY ? DONE : NOT_HEALTHY;
}

static int health_run(const call *c) {
    etcd_v2_client *client = NULL;
    bool again = flag_on(c->own, "forever");
    struct pollfd interrupted = {again ? interrupt_catch(false) : -1, POLLIN, 0};
    int code = session_open(c, false, &client);
    while (code == DONE) {
        code = look(client);
        again = again && (code == DONE || code == NOT_HEALTHY);
        if (!again) break;
        code = DONE;
        puts("\nnext check after 10 second...\n");
        fflush(stdout);
        if (poll(&interrupted, 1, 10000) != 0) break;
    }
    etcd_v2_client_free(client);
    return code;
}

const command health_command = {"cluster-health", "check the health of the etcd cluster", "", health_flags, health_run,
                                NULL};
