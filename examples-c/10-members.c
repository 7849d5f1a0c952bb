/*
 * Who is in the cluster, who leads it, what each member runs, and whether all is well.
 *
 * Usage: 10-members [endpoints]     such as http://127.0.0.1:2379, the default
 */
#include <etcd_v2.h>
#include <stdio.h>
#include <stdlib.h>

/* Members differ, so each is asked at its own URL. */
static etcd_v2_status show_member(const etcd_v2_client *client, const etcd_v2_member *member, etcd_v2_error **err) {
    const char *name = etcd_v2_member_name(member), *url = etcd_v2_member_client_url_at(member, 0);
    if (url == NULL) { /* it was added and has never started */
        printf("%s has not started\n", etcd_v2_member_peer_url_at(member, 0));
        return ETCD_V2_OK;
    }
    etcd_v2_version_info *version;
    etcd_v2_status status = etcd_v2_server_version(client, url, &version, err);
    if (status != ETCD_V2_OK) return status;
    printf("%s at %s runs etcd %s%s\n", name, url, etcd_v2_version_info_server(version),
           etcd_v2_member_is_leader(member) ? " and leads" : "");
    etcd_v2_version_info_free(version);
    return ETCD_V2_OK;
}

static etcd_v2_status show_members(const etcd_v2_client *client, etcd_v2_error **err) {
    etcd_v2_members *members;
    etcd_v2_status status = etcd_v2_member_list(client, &members, err);
    if (status != ETCD_V2_OK) return status;
    for (size_t i = 0; status == ETCD_V2_OK && i < etcd_v2_members_count(members); i++)
        status = show_member(client, etcd_v2_members_at(members, i), err);
    etcd_v2_members_free(members);
    return status;
}

static const char *word(int32_t state) {
    switch (state) {
    case ETCD_V2_HEALTH_HEALTHY: return "healthy";
    case ETCD_V2_HEALTH_DEGRADED: return "degraded";
    case ETCD_V2_HEALTH_UNHEALTHY: return "unhealthy";
    case ETCD_V2_HEALTH_UNREACHABLE: return "unreachable";
    case ETCD_V2_HEALTH_NO_CLIENT_URLS: return "not started";
    default: return "unknown";
    }
}

/* That a member does not answer is no error here: its row says so. */
static etcd_v2_status show_health(const etcd_v2_client *client, etcd_v2_error **err) {
    etcd_v2_health_report *report;
    etcd_v2_status status = etcd_v2_health_check_cluster(client, &report, err);
    if (status != ETCD_V2_OK) return status;
    for (size_t i = 0; i < etcd_v2_health_report_count(report); i++) {
        const etcd_v2_health *member = etcd_v2_health_report_at(report, i);
        const char *url, *why;
        const char *name = etcd_v2_health_name(member);     /* "" before its first start */
        const char *reason = etcd_v2_health_reason(member); /* only etcd 3.5 tells one */
        printf("%s is %s%s%s\n", name[0] != '\0' ? name : etcd_v2_health_id(member),
               word(etcd_v2_health_state(member)), reason[0] != '\0' ? ": " : "", reason);
        for (size_t j = 0; etcd_v2_health_attempt_at(member, j, &url, &why); j++)
            printf("  %s does not answer: %s\n", url, why);
    }
    printf("the cluster is %s\n", word(etcd_v2_health_report_state(report)));
    etcd_v2_health_report_free(report);
    return ETCD_V2_OK;
}

/* The numbers of a store are those of one member: NULL takes whichever is asked first. */
static etcd_v2_status show_numbers(const etcd_v2_client *client, etcd_v2_error **err) {
    etcd_v2_stats *stats;
    double sets, watchers;
    etcd_v2_status status = etcd_v2_stats_store(client, NULL, &stats, err);
    if (status != ETCD_V2_OK) return status;
    if (etcd_v2_stats_number(stats, "setsSuccess", &sets) && etcd_v2_stats_number(stats, "watchers", &watchers))
        printf("%.0f sets so far, %.0f watchers now\n", sets, watchers);
    etcd_v2_stats_free(stats);
    return ETCD_V2_OK;
}

int main(int argc, char **argv) {
    etcd_v2_client *client;
    etcd_v2_error *error;
    etcd_v2_status status = etcd_v2_client_open(argc > 1 ? argv[1] : NULL, &client, &error);
    if (status == ETCD_V2_OK) status = show_members(client, &error);
    if (status == ETCD_V2_OK) status = show_health(client, &error);
    if (status == ETCD_V2_OK) status = show_numbers(client, &error);
    if (status != ETCD_V2_OK) {
        fprintf(stderr, "%s: %s\n", etcd_v2_status_name(status), etcd_v2_error_message(error));
        etcd_v2_error_free(error);
    }
    etcd_v2_client_free(client);
    return status == ETCD_V2_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
