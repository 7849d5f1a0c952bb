/* Raw requests, and through them the errors that the verbs never cause: protocol 2.2, 4.1, 4.2. */

#include "keys.h"

static const char form[] = "application/x-www-form-urlencoded";

static etcd_v2_status raw(const char *method, const char *path, const char *body, const char *type)
{
	etcd_v2_request *request;
	CHECK_OK(etcd_v2_request_new_raw(method, path, body, body ? strlen(body) : 0, type, &request, ERR));
	etcd_v2_status status = etcd_v2_execute(client, request, OUT, ERR);
	etcd_v2_request_free(request);
	return status;
}

#define RAW(method, path, body, type, expected) \
	check_status(raw(method, path, body, type), (expected), &error, __FILE__, __LINE__, method " " path)

/* What is not an answer of the key space has neither action (NULL here) nor nodes. */
static void is_raw(int http, const char *action)
{
	CHECK_INT(etcd_v2_response_http_status(answer), http);
	CHECK_TEXT(etcd_v2_response_action(answer), action ? action : "");
	CHECK_INT(etcd_v2_response_action_code(answer) != ETCD_V2_ACTION_UNKNOWN, action != NULL);
	CHECK_INT(NODE != NULL, action != NULL);
	CHECK(action != NULL || PREV == NULL);
	CHECK_TEXT(etcd_v2_response_endpoint(answer), url);
}

static void reads(void)
{
	size_t length;
	RAW("GET", "/version", NULL, NULL, ETCD_V2_OK);
	is_raw(200, NULL);
	const char *body = etcd_v2_response_body(answer, &length);
	CHECK_INT(length, strlen(body));
	CHECK(strstr(body, is_34 ? "\"etcdserver\":\"3.4." : "\"etcdserver\":\"3.5.") != NULL);
	CHECK_INT(etcd_v2_response_etcd_index(answer), 0);
	CHECK_TEXT(etcd_v2_response_cluster_id(answer), "");

	uint64_t index = put("/raw/key", "value");
	RAW("GET", "/v2/keys/raw/key?quorum=true", NULL, NULL, ETCD_V2_OK);
	is_raw(200, "get");
	CHECK(etcd_v2_response_etcd_index(answer) >= index);
	CHECK(etcd_v2_response_raft_index(answer) > 0 && etcd_v2_response_raft_term(answer) > 0);
	CHECK(strlen(etcd_v2_response_cluster_id(answer)) >= 10);
	CHECK(strstr(etcd_v2_response_body(answer, NULL), "\"value\":\"value\"") != NULL);

	RAW("HEAD", "/v2/keys/raw/key", NULL, NULL, ETCD_V2_OK);
	is_raw(200, NULL);
	CHECK(etcd_v2_response_etcd_index(answer) >= index);
	CHECK_TEXT(etcd_v2_response_body(answer, &length), "");
	CHECK_INT(length, 0);
	/* the connection is still good */
	CHECK_VALUE("/raw/key", "value");
}

static void writes(void)
{
	RAW("PUT", "/v2/keys/raw/a%20b?prevExist=false", "value=x%2By+z&ttl=100", form, ETCD_V2_OK);
	is_raw(201, "create");
	CHECK_FILE(NODE, "/raw/a b", "x+y z");
	CHECK_VALUE("/raw/a b", "x+y z");
	CHECK(etcd_v2_node_ttl(NODE, NULL));
	RAW("PUT", "/v2/keys/raw/a%20b", "value=2", "application/x-www-form-urlencoded; charset=utf-8", ETCD_V2_OK);
	is_raw(200, "set");
	CHECK_VALUE("/raw/a b", "2");
	/* of the two, the body wins */
	RAW("PUT", "/v2/keys/raw/a%20b?value=query", "value=", form, ETCD_V2_OK);
	CHECK_VALUE("/raw/a b", "");
	RAW("PUT", "/v2/keys/raw/a%20b?value=query", NULL, NULL, ETCD_V2_OK);
	CHECK_VALUE("/raw/a b", "query");
	RAW("POST", "/v2/keys/raw/queue", "value=1", form, ETCD_V2_OK);
	is_raw(201, "create");
	CHECK(strstr(etcd_v2_response_body(answer, NULL), "\"key\":\"/raw/queue/0") != NULL);
	RAW("DELETE", "/v2/keys/raw/queue?recursive=true", NULL, NULL, ETCD_V2_OK);
	CHECK_STATUS(etcd_v2_get(client, "/raw/queue", 0, OUT, ERR), ETCD_V2_KEY_NOT_FOUND);
	/* as long as it takes, and again and again */
	etcd_v2_request *request;
	char *body = many('v', 100000);
	memcpy(body, "value=", 6);
	CHECK_OK(etcd_v2_request_new_raw("PUT", "/v2/keys/raw/long", body, 100000, form, &request, ERR));
	memset(body, 'x', 100000);
	free(body);
	for (int i = 0; i < 2; i++) {
		CHECK_OK(etcd_v2_execute(client, request, OUT, ERR));
		is_raw(i == 0 ? 201 : 200, "set");
	}
	etcd_v2_request_free(request);
	CHECK_OK(etcd_v2_get(client, "/raw/long", 0, OUT, ERR));
	CHECK_INT(strspn(etcd_v2_node_value(NODE, NULL), "v"), 100000 - 6);
}

/* Errors that say nothing about the store have no index. */
static void refused_parameters(void)
{
	static const struct {
		const char *method, *query, *body;
		int code;
		const char *cause;
	} rows[] = {
		{"PUT", "?prevValue=", NULL, 201, "\"prevValue\" cannot be empty"},
		{"GET", "?prevValue=", NULL, 201, "\"prevValue\" cannot be empty"},
		{"PUT", "?ttl=x", NULL, 202, "invalid value for \"ttl\""},
		{"PUT", "", "value=1&ttl=-1", 202, "invalid value for \"ttl\""},
		{"PUT", "?prevIndex=x", NULL, 203, "invalid value for \"prevIndex\""},
		{"GET", "?wait=true&waitIndex=-1", NULL, 203, "invalid value for \"waitIndex\""},
		{"GET", "?recursive=yes", NULL, 209, "invalid value for \"recursive\""},
		{"GET", "?sorted=", NULL, 209, "invalid value for \"sorted\""},
		{"GET", "?quorum=2", NULL, 209, "invalid value for \"quorum\""},
		{"PUT", "?dir=x", NULL, 209, "invalid value for \"dir\""},
		{"PUT", "?prevExist=x", NULL, 209, "invalid value for prevExist"},
		{"PUT", "?refresh=x&ttl=1", NULL, 209, "invalid value for refresh"},
		{"PUT", "?wait=true", NULL, 209, "\"wait\" can only be used with GET requests"},
		{"PUT", "", "value=%zz", 210, "invalid URL escape \"%zz\""},
		{"PUT", "", "value=1&refresh=true&ttl=5", 211, "A value was provided on a refresh"},
		{"PUT", "?refresh=true", NULL, 212, "No TTL value set"},
	};
	uint64_t index = put("/raw/key", "value");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		etcd_v2_status status = raw(rows[i].method, text("/v2/keys/raw/key%s", rows[i].query), rows[i].body, rows[i].body ? form : NULL);
		check_status(status, rows[i].code, &error, __FILE__, __LINE__, rows[i].query);
		CHECK_REFUSED((uint32_t)rows[i].code, 400, rows[i].cause);
		CHECK_INT(etcd_v2_error_etcd_index(error), 0);
		CHECK(!etcd_v2_error_is_retriable(error));
	}
	CHECK_VALUE("/raw/key", "value");
	CHECK_INT(etcd_v2_node_modified_index(NODE), index);
}

static void refused_by_store(void)
{
	uint64_t before = store_index();
	RAW("GET", "/v2/keys/raw/none/x", NULL, NULL, ETCD_V2_KEY_NOT_FOUND);
	CHECK_REFUSED(100, 404, "/raw/none");
	CHECK(etcd_v2_error_etcd_index(error) >= before);
	RAW("PUT", "/v2/keys/raw/key?prevValue=a%2Bb", "value=x", form, ETCD_V2_COMPARE_FAILED);
	CHECK_REFUSED(101, 412, "[a+b != value]");
	RAW("PUT", "/v2/keys/", "value=x", form, ETCD_V2_ROOT_READ_ONLY);
	CHECK_REFUSED(107, 400, "/");
	RAW("DELETE", "/v2/keys/raw", NULL, NULL, ETCD_V2_NOT_A_FILE);
	CHECK_REFUSED(102, 403, "/raw");
	/* without a body, what went wrong stays untold; that it did does not */
	CHECK(raw("HEAD", "/v2/keys/raw/none", NULL, NULL) != ETCD_V2_OK);
	CHECK_INT(etcd_v2_error_http_status(error), 404);
	CHECK_VALUE("/raw/key", "value");
}

/* What is not of the key space: pages, messages, refused methods. */
static void others(void)
{
	static const struct {
		const char *method, *path;
		int http;
		const char *body;
	} rows[] = {
		{"GET", "/v2/foo", 404, "404 page not found\n"},
		{"GET", "/", 404, "404 page not found\n"},
		{"PUT", "/v2/keysfoo", 404, "404 page not found\n"},
		{"GET", "/v2/members/none", 404, "Not found"},
		{"DELETE", "/v2/members/abcd", 404, "No such member: abcd"},
		{"PUT", "/v2/machines", 405, "Method Not Allowed"},
		{"POST", "/v2/members", 415, "Bad Content-Type"},
		{"GET", "/v2/keys/raw/%zz", 400, "400 Bad Request"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		etcd_v2_status status = raw(rows[i].method, rows[i].path, NULL, NULL);
		CHECK(status >= ETCD_V2_INVALID_ARGUMENT);
		CHECK_INT(etcd_v2_error_status(error), status);
		CHECK_INT(etcd_v2_error_http_status(error), rows[i].http);
		CHECK_INT(etcd_v2_error_etcd_code(error), 0);
		CHECK_INT(etcd_v2_error_etcd_index(error), 0);
		CHECK(!etcd_v2_error_is_outcome_unknown(error));
		CHECK(strcasestr(etcd_v2_error_message(error), rows[i].body) != NULL ||
		      strstr(etcd_v2_error_body(error, NULL), rows[i].body) != NULL);
		CHECK(answer == NULL);
	}
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	reads();
	writes();
	refused_parameters();
	refused_by_store();
	others();
	return finish();
}
