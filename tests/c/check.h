/*
 * What the tests in C share: checks that say where and what went wrong, and end the program.
 *
 * CHECK_STATUS and CHECK_OK look at the `error` in scope: the one below, or a local one in a thread of its own.
 */

#ifndef CHECK_H
#define CHECK_H

#include "etcd_v2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the last call; freed by the next CHECK_STATUS or CHECK_OK. */
static etcd_v2_error *error;

/* Threads may check, too. */
static unsigned long checks;

static inline void check_count(void) { __atomic_add_fetch(&checks, 1, __ATOMIC_RELAXED); }

static inline void check_fails(const char *file, int line, const char *expression)
{
	fprintf(stderr, "%s:%d: %s", file, line, expression);
}

static inline void check_that(bool holds, const char *file, int line, const char *expression)
{
	check_count();
	if (holds)
		return;
	check_fails(file, line, expression);
	fputs(" is false\n", stderr);
	exit(1);
}

static inline void check_text(const char *actual, const char *expected, const char *file, int line,
			      const char *expression)
{
	check_count();
	if (actual == expected || (actual != NULL && expected != NULL && strcmp(actual, expected) == 0))
		return;
	check_fails(file, line, expression);
	fprintf(stderr, " is \"%s\", not \"%s\"\n", actual ? actual : "(NULL)", expected ? expected : "(NULL)");
	exit(1);
}

static inline void check_int(long long actual, long long expected, const char *file, int line, const char *expression)
{
	check_count();
	if (actual == expected)
		return;
	check_fails(file, line, expression);
	fprintf(stderr, " is %lld, not %lld\n", actual, expected);
	exit(1);
}

static inline void check_status(etcd_v2_status actual, etcd_v2_status expected, etcd_v2_error *const *why,
				const char *file, int line, const char *expression)
{
	check_count();
	if (actual == expected)
		return;
	check_fails(file, line, expression);
	fprintf(stderr, " is %s, not %s\n", etcd_v2_status_name(actual), etcd_v2_status_name(expected));
	if (*why != NULL)
		fprintf(stderr, "  %s\n", etcd_v2_error_message(*why));
	exit(1);
}

/* Prints how much was checked; to be returned by main. */
static inline int check_done(void)
{
	etcd_v2_error_free(error);
	printf("%lu checks\n", checks);
	return checks == 0;
}

#define CHECK(condition) check_that((condition), __FILE__, __LINE__, #condition)
#define CHECK_TEXT(actual, expected) check_text((actual), (expected), __FILE__, __LINE__, #actual)
#define CHECK_INT(actual, expected) \
	check_int((long long)(actual), (long long)(expected), __FILE__, __LINE__, #actual)
#define CHECK_STATUS(call, expected) CHECK_STATUS_AT(call, expected, __FILE__, __LINE__)
#define CHECK_STATUS_AT(call, expected, file, line) \
	(etcd_v2_error_free(error), error = NULL, check_status((call), (expected), &error, (file), (line), #call))
#define CHECK_OK(call) CHECK_STATUS(call, ETCD_V2_OK)

/* One whose calls are not ended by their deadline, however busy the machine is; `urls` as for etcd_v2_client_open(). */
static inline etcd_v2_client *patient_client(const char *urls)
{
	etcd_v2_options *options;
	etcd_v2_client *client;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_set_timeout_ms(options, 120000, &error));
	CHECK_OK(etcd_v2_client_new(options, &client, &error));
	CHECK_OK(etcd_v2_client_set_endpoints(client, urls, &error));
	etcd_v2_options_free(options);
	return client;
}

#endif
