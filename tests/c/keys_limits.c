/* How long keys and how large values may be: protocol 1.1, 2.11. Wants a server of its own, whose index nobody else moves. */

#include "keys.h"

enum { MAX_FORM = 10485760, MAX_TARGET = 65000 };

/* Nothing reached the server. */
static void untouched(uint64_t before)
{
	CHECK_INT(etcd_v2_error_http_status(error), 0);
	CHECK(!etcd_v2_error_is_outcome_unknown(error));
	CHECK_INT(store_index(), before);
}

/* A first request line of more than 4094 bytes is cut off without an answer, so each is the first of its connection. */
static void first_with(const char *key)
{
	enum { CREATE, GET, SWAP, WATCH, IN_VAIN, DELETE, STEPS };
	uint64_t index = 0;
	for (int step = 0; step < STEPS; step++) {
		etcd_v2_client *fresh = patient_client(url);
		switch (step) {
		case CREATE:
			CHECK_OK(etcd_v2_create(fresh, key, "x", 0, OUT, ERR));
			index = etcd_v2_node_modified_index(NODE);
			break;
		case GET:
			CHECK_OK(etcd_v2_get(fresh, key, 0, OUT, ERR));
			break;
		case SWAP:
			CHECK_OK(etcd_v2_compare_and_swap(fresh, key, "x", 0, NULL, index, OUT, ERR));
			break;
		case WATCH:
			CHECK_OK(etcd_v2_watch_once(fresh, key, index, 0, 60000, OUT, ERR));
			break;
		case IN_VAIN:
			CHECK_STATUS(etcd_v2_create(fresh, key, "y", 0, OUT, ERR), ETCD_V2_ALREADY_EXISTS);
			CHECK_REFUSED(105, 412, key);
			break;
		case DELETE:
			CHECK_OK(etcd_v2_delete(fresh, key, 0, OUT, ERR));
			break;
		}
		if (step == DELETE)
			CHECK_FILE(PREV, key, "x");
		else if (step != IN_VAIN)
			CHECK_FILE(NODE, key, "x");
		etcd_v2_client_free(fresh);
	}
}

static void long_keys(void)
{
	/* around the limit of the first line, with and without a query, and up to 60 KiB */
	const size_t lengths[] = {4000, 4030, 4060, 4070, 4071, 4072, 4073, 4074, 4094, 4095, 4096, 5000, 20000, 60 * 1024};
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		char *key = many('k', lengths[i]);
		memcpy(key, "/limits/", 8);
		first_with(key);
		for (size_t slash = 20; slash < lengths[i] - 1; slash += 60)
			key[slash] = '/';
		first_with(key);
		free(key);
	}
	/* each of these is three times as long on the wire */
	char *key = many('%', 20000);
	memcpy(key, "/limits/", 8);
	first_with(key);
	free(key);
}

static void longest_key(void)
{
	char *key = many('k', MAX_TARGET - 7);
	memcpy(key, "/limits/", 8);
	uint64_t before = store_index();
	CHECK_STATUS(etcd_v2_set(client, key, "x", 0, OUT, ERR), ETCD_V2_TOO_LARGE);
	CHECK(strstr(etcd_v2_error_message(error), "key") != NULL);
	untouched(before);
	CHECK_STATUS(etcd_v2_watch_once(client, key, 0, 0, 1, OUT, ERR), ETCD_V2_TOO_LARGE);
	key[MAX_TARGET - 8] = '\0';
	CHECK_OK(etcd_v2_set(client, key, "x", 0, OUT, ERR));
	CHECK_VALUE(key, "x");
	/* a query needs room, too */
	before = store_index();
	CHECK_STATUS(etcd_v2_get(client, key, ETCD_V2_QUORUM, OUT, ERR), ETCD_V2_TOO_LARGE);
	CHECK_STATUS(etcd_v2_compare_and_delete(client, key, "x", 0, OUT, ERR), ETCD_V2_TOO_LARGE);
	untouched(before);
	CHECK_OK(etcd_v2_delete(client, key, 0, OUT, ERR));
	free(key);
	/* the condition of a removal is on the request line, the condition of a swap is not */
	char *value = many('v', 70000);
	put("/limits/condition", value);
	before = store_index();
	CHECK_STATUS(etcd_v2_compare_and_delete(client, "/limits/condition", value, 0, OUT, ERR), ETCD_V2_TOO_LARGE);
	CHECK(strstr(etcd_v2_error_message(error), "prev_index") != NULL);
	untouched(before);
	CHECK_OK(etcd_v2_compare_and_swap(client, "/limits/condition", "x", 0, value, 0, OUT, ERR));
	free(value);
}

/* Sets `length` bytes; without its echo if it is large. */
static etcd_v2_status set(const char *value, size_t length, uint32_t flags)
{
	etcd_v2_request *request;
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, "/limits/value", &request, ERR));
	CHECK_OK(etcd_v2_request_set_flags(request, flags, ERR));
	etcd_v2_status status = etcd_v2_request_set_value(request, value, length, ERR);
	if (status == ETCD_V2_OK)
		status = etcd_v2_execute(client, request, OUT, ERR);
	etcd_v2_request_free(request);
	return status;
}

static void is_stored(const char *value, size_t length)
{
	size_t got;
	CHECK_OK(etcd_v2_get(client, "/limits/value", 0, OUT, ERR));
	const char *stored = etcd_v2_node_value(NODE, &got);
	CHECK_INT(got, length);
	CHECK(memcmp(stored, value, length) == 0);
}

static void value_sizes(void)
{
	/* sizes around those that buffers and pages like */
	char *value = many('v', MAX_FORM + 1);
	for (size_t size = 1; size <= 1 << 21; size *= 2)
		for (size_t length = size - 1; length <= size + 1; length++) {
			if (size > 1 << 17 && length != size)
				continue;
			check_status(set(value, length, 0), ETCD_V2_OK, &error, __FILE__, __LINE__, "set");
			is_stored(value, length);
		}
	free(value);
}

/* `unit` is the text of the value, over and over; `cost` what it takes in a form. */
static void largest(char unit, size_t cost)
{
	size_t room = MAX_FORM - strlen("value="), count = room / cost, rest = room % cost;
	char *value = many(unit, count + rest + 1);
	memset(value + count, 'r', rest);
	uint64_t before = store_index();
	/* the flag takes 22 bytes */
	etcd_v2_status status = set(value, count + rest, ETCD_V2_NO_VALUE_ON_SUCCESS);
	check_status(status, ETCD_V2_TOO_LARGE, &error, __FILE__, __LINE__, "set without echo");
	untouched(before);
	status = set(value, count + rest, 0);
	check_status(status, ETCD_V2_OK, &error, __FILE__, __LINE__, "set the largest");
	is_stored(value, count + rest);
	value[count + rest] = 'r';
	before = store_index();
	status = set(value, count + rest + 1, 0);
	check_status(status, ETCD_V2_TOO_LARGE, &error, __FILE__, __LINE__, "set one byte more");
	CHECK(strstr(etcd_v2_error_message(error), "value") != NULL);
	untouched(before);
	value[count + rest] = '\0';
	is_stored(value, count + rest);
	CHECK_OK(etcd_v2_delete(client, "/limits/value", 0, NULL, ERR));
	free(value);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	until_index_rests();
	long_keys();
	longest_key();
	value_sizes();
	largest('v', 1);
	largest('&', 3);
	return finish();
}
