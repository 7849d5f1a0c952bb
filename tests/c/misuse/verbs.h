/* Every verb with one parameter wrong. */

#ifndef MISUSE_VERBS_H
#define MISUSE_VERBS_H

#include "refusal.h"

#define VERB_REFUSED(status, parameter) REFUSED_OUT(etcd_v2_response, (status), (parameter), v->run(&a, o, e))

static void wrong_verb(const struct verb *v)
{
	const struct arguments good = { .client = client, .key = "/k", .value = "v", .prev_value = "p",
					.ttl = v->takes & TTL_NEEDED ? 5 : 0, .timeout_ms = 1000 };
	struct arguments a = good;

	a.client = NULL;
	VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "client");
	/* out may be NULL, and then still nothing is sent */
	REFUSED(ETCD_V2_INVALID_ARGUMENT, "client", v->run(&a, NULL, e));
	a = good;

	a.key = NULL;
	VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, v->key);
	REFUSED(ETCD_V2_INVALID_ARGUMENT, v->key, v->run(&a, NULL, e));
	for (size_t i = 0; i < COUNT(NO_KEY); i++) {
		a.key = NO_KEY[i];
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, v->key);
	}
	for (size_t i = 0; i < COUNT(NOT_UTF8); i++) {
		a.key = NOT_UTF8[i];
		VERB_REFUSED(ETCD_V2_NOT_UTF8, v->key);
	}
	char *too_long = repeat("/", 'k', LARGEST_TARGET);
	a.key = too_long;
	VERB_REFUSED(ETCD_V2_TOO_LARGE, v->key);
	free(too_long);
	/* three times as long once it is escaped */
	too_long = repeat("/", '%', LARGEST_TARGET / 3);
	a.key = too_long;
	VERB_REFUSED(ETCD_V2_TOO_LARGE, v->key);
	free(too_long);
	a = good;

	if (v->takes & VALUE) {
		a.value = NULL;
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "value");
		for (size_t i = 0; i < COUNT(NOT_UTF8); i++) {
			a.value = NOT_UTF8[i];
			VERB_REFUSED(ETCD_V2_NOT_UTF8, "value");
		}
		char *huge = repeat("", 'v', LARGEST_FORM + 1);
		a.value = huge;
		VERB_REFUSED(ETCD_V2_TOO_LARGE, "value");
		huge[LARGEST_FORM - 3] = '\0'; /* with "value=" it is too long by 3 */
		VERB_REFUSED(ETCD_V2_TOO_LARGE, "value");
		memset(huge, '\n', LARGEST_FORM / 3);
		huge[LARGEST_FORM / 3] = '\0';
		VERB_REFUSED(ETCD_V2_TOO_LARGE, "value");
		free(huge);
		a = good;
	}
	if (v->takes & TTL) {
		for (size_t i = 0; i < COUNT(NO_TTL); i++) {
			a.ttl = NO_TTL[i];
			VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "ttl");
		}
		a = good;
	}
	if (v->takes & TTL_NEEDED) {
		a.ttl = 0;
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "ttl");
		a = good;
	}
	if (v->takes & FLAGS) {
		for (int bit = 0; bit < 32; bit++) {
			a.flags = (uint32_t)1 << bit;
			if (a.flags & v->flags)
				continue;
			VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags");
			a.flags |= v->flags;
			VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags");
		}
		a.flags = UINT32_MAX;
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "flags");
		a = good;
	}
	if (v->takes & PREV) {
		a.prev_value = NULL; /* and no index either */
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value");
		a.prev_value = "";
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value");
		a.prev_index = 7;
		VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "prev_value");
		for (size_t i = 0; i < COUNT(NOT_UTF8); i++) {
			a.prev_value = NOT_UTF8[i];
			VERB_REFUSED(ETCD_V2_NOT_UTF8, "prev_value");
		}
		char *huge = repeat("", 'p', LARGEST_FORM + 1);
		a.prev_value = huge;
		VERB_REFUSED(ETCD_V2_TOO_LARGE, "prev_value");
		free(huge);
		a = good;
	}
	if (v->takes & TIMEOUT) {
		const int64_t no_timeout[] = { 0, -3, -1000, INT64_MIN, 2147483648, INT64_MAX };
		for (size_t i = 0; i < COUNT(no_timeout); i++) {
			a.timeout_ms = no_timeout[i];
			VERB_REFUSED(ETCD_V2_INVALID_ARGUMENT, "timeout_ms");
		}
	}
}

/* A comparison in the query has less room than one in the body. */
static void wrong_long_condition(void)
{
	char *longer = repeat("", 'p', LARGEST_TARGET);
	REFUSED_OUT(etcd_v2_response, ETCD_V2_TOO_LARGE, "prev_value",
		    etcd_v2_compare_and_delete(client, "/k", longer, 0, o, e));
	free(longer);
}

#endif
