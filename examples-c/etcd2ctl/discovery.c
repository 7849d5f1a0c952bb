/* Members that a domain names in the DNS. */
#include "etcd2ctl.h"
#include <string.h>

bool discovery_wanted(const call *c) { return *setting(c, "discovery-srv", "ETCDCTL_DISCOVERY_SRV") != '\0'; }

etcd_v2_status discovery_set(etcd_v2_options *options, const call *c, etcd_v2_error **err) {
    const char *domain = setting(c, "discovery-srv", "ETCDCTL_DISCOVERY_SRV");
    const char *name = setting(c, "discovery-srv-name", "ETCDCTL_DISCOVERY_SRV_NAME");
    const char *server = flag_text(c->global, "dns-server");
    etcd_v2_status status = etcd_v2_options_set_discovery_srv(options, domain, *name != '\0' ? name : NULL, err);
    if (status != ETCD_V2_OK || *server == '\0') return status;
    return etcd_v2_options_set_dns_server(options, server, err);
}

/*
 * What was found has to be good before anybody gets a password. The library never mixes members with TLS and without.
 */
int discovery_check(const call *c, const etcd_v2_client *client) {
    etcd_v2_endpoints *found = NULL;
    etcd_v2_version_info *version = NULL;
    etcd_v2_error *asked = NULL, *error;
    int code = DONE;
    /* any request looks into the DNS; that a member does not answer is the command's business */
    etcd_v2_server_version(client, NULL, &version, &asked);
    etcd_v2_version_info_free(version);
    if (etcd_v2_client_endpoints(client, &found, &error) != ETCD_V2_OK) code = report(error, BAD_ARGUMENTS);
    else if (etcd_v2_endpoints_count(found) == 0) code = report_words(etcd_v2_error_message(asked), BAD_ARGUMENTS);
    for (size_t i = 0; i < etcd_v2_endpoints_count(found) && !flag_on(c->global, "insecure-discovery"); i++) {
        const char *url = etcd_v2_endpoint_url(etcd_v2_endpoints_at(found, i));
        if (strncmp(url, "https://", 8) == 0) continue;
        fprintf(stderr, "ignoring discovered insecure endpoint \"%s\"\n", url);
        code = BAD_ARGUMENTS;
    }
    etcd_v2_endpoints_free(found);
    etcd_v2_error_free(asked);
    return code;
}
