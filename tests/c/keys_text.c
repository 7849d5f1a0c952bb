/* Keys and values of any text arrive as they are: protocol 2.1, 2.2, 2.11. */

#include "keys.h"

static const char *const odd[] = {
	"a b", " ", "  x  ", "%", "%41", "%2F", "%zz", "100%", "?", "a?b=c", "#", "a#b", "+", "a+b", ";", "a;b", "&", "a&b", "=", "a=b",
	"\"", "'", "`", "\\", "<b>", "|", "^", "~", "!", "$", "*", "()", ",", ":", "@", "[x]", "{y}", "a&value=z", "?wait=true",
	"...", ".a", "a.", "-", "\n", "a\nb", "\r\n", "\t", "\x7f", "\b\f\v",
	"\xc3\xbc", "\xc2\xa0", "\xe2\x82\xac", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf", "\xef\xbf\xbd", "\xef\xbf\xbf",
	"\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "e\xcc\x81", "\xd8\xa7\xd9\x84",
};
enum { ODD = sizeof odd / sizeof *odd };

/* Each as a name, as a name above others, in a listing, with a slash behind. */
static void odd_keys(void)
{
	for (int i = 0; i < ODD; i++) {
		const char *key = text("/text/keys/%s", odd[i]), *below = text("/text/above/%s/%s", odd[i], odd[i]);
		CHECK_OK(etcd_v2_create(client, key, odd[i], 0, OUT, ERR));
		CHECK_FILE(NODE, key, odd[i]);
		CHECK_VALUE(key, odd[i]);
		put(below, "x");
		CHECK_VALUE(below, "x");
		CHECK_OK(etcd_v2_get(client, text("/text/above/%s/", odd[i]), 0, OUT, ERR));
		CHECK_DIR(NODE, text("/text/above/%s", odd[i]));
		CHECK_TEXT(etcd_v2_node_key(etcd_v2_node_child_at(NODE, 0), NULL), below);
		CHECK_OK(etcd_v2_create_in_order(client, text("/text/queue/%s", odd[i]), "q", 0, OUT, ERR));
		CHECK(strncmp(etcd_v2_node_key(NODE, NULL), text("/text/queue/%s/", odd[i]), strlen(odd[i]) + 13) == 0);
	}
	CHECK_OK(etcd_v2_get(client, "/text/keys", ETCD_V2_SORTED, OUT, ERR));
	CHECK_INT(etcd_v2_node_child_count(NODE), ODD);
	for (size_t i = 0; i < ODD; i++) {
		const etcd_v2_node *child = etcd_v2_node_child_at(NODE, i);
		CHECK_TEXT(etcd_v2_node_value(child, NULL), etcd_v2_node_key(child, NULL) + strlen("/text/keys/"));
		if (i > 0)
			CHECK(strcmp(etcd_v2_node_key(etcd_v2_node_child_at(NODE, i - 1), NULL), etcd_v2_node_key(child, NULL)) < 0);
	}
	for (int i = 0; i < ODD; i++)
		CHECK_OK(etcd_v2_delete(client, text("/text/keys/%s", odd[i]), 0, NULL, ERR));
	CHECK_OK(etcd_v2_delete(client, "/text/keys", ETCD_V2_DIR, NULL, ERR));
}

/* Every character but NUL and the slash. */
static void every_ascii_key(void)
{
	for (int c = 1; c < 128; c++) {
		if (c == '/')
			continue;
		const char *key = text("/text/ascii/x%cy", c);
		put(key, text("%d", c));
		CHECK_VALUE(key, text("%d", c));
	}
	CHECK_OK(etcd_v2_get(client, "/text/ascii", 0, OUT, ERR));
	CHECK_INT(etcd_v2_node_child_count(NODE), 126);
	/* a cause is text of the server, too */
	CHECK_STATUS(etcd_v2_get(client, "/text/ascii/<none>&\n\x01", 0, OUT, ERR), ETCD_V2_KEY_NOT_FOUND);
	CHECK_REFUSED(100, 404, "/text/ascii/<none>&\n\x01");
	CHECK(strchr(etcd_v2_error_message(error), '\n') == NULL);
}

static void trailing_slash(void)
{
	CHECK_OK(etcd_v2_set(client, "/text/slash/", "1", 0, OUT, ERR));
	CHECK_FILE(NODE, "/text/slash", "1");
	CHECK_OK(etcd_v2_get(client, "/text/slash/", 0, OUT, ERR));
	CHECK_FILE(NODE, "/text/slash", "1");
	CHECK_OK(etcd_v2_delete(client, "/text/slash/", 0, OUT, ERR));
	CHECK_STATUS(etcd_v2_get(client, "/text/slash", 0, OUT, ERR), ETCD_V2_KEY_NOT_FOUND);
	CHECK_OK(etcd_v2_create_in_order(client, "/text/slashes/", "1", 0, OUT, ERR));
	CHECK(strncmp(etcd_v2_node_key(NODE, NULL), "/text/slashes/0", 15) == 0);
}

/* Writes by request, reads back by another; a file's value may hold NULs. */
static void round_trip(const char *key, const char *value, size_t length)
{
	etcd_v2_request *request;
	size_t got;
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, key, &request, ERR));
	CHECK_OK(etcd_v2_request_set_value(request, value, length, ERR));
	CHECK_OK(etcd_v2_execute(client, request, OUT, ERR));
	etcd_v2_request_free(request);
	const char *echo = etcd_v2_node_value(NODE, &got);
	CHECK_INT(got, length);
	CHECK((length == 0 || memcmp(echo, value, length) == 0) && echo[length] == '\0');
	CHECK_OK(etcd_v2_get(client, key, 0, OUT, ERR));
	const char *stored = etcd_v2_node_value(NODE, &got);
	CHECK_INT(got, length);
	CHECK((length == 0 || memcmp(stored, value, length) == 0) && stored[length] == '\0');
}

static void odd_values(void)
{
	const char *more[] = {"", "a+b&ttl=1", "value=x", "&prevExist=true", "{\"json\":\"\\u0041\"}", "\\u0000", "</script>", "a;b;c", "%00"};
	for (int i = 0; i < ODD; i++) {
		CHECK_OK(etcd_v2_set(client, "/text/value", odd[i], 0, OUT, ERR));
		CHECK_FILE(NODE, "/text/value", odd[i]);
		CHECK_VALUE("/text/value", odd[i]);
		CHECK_OK(etcd_v2_create_in_order(client, "/text/values", odd[i], 0, OUT, ERR));
		CHECK_TEXT(etcd_v2_node_value(NODE, NULL), odd[i]);
	}
	for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
		CHECK_OK(etcd_v2_update(client, "/text/value", more[i], 0, OUT, ERR));
		CHECK(!etcd_v2_node_ttl(NODE, NULL));
		CHECK_VALUE("/text/value", more[i]);
		round_trip("/text/value", more[i], strlen(more[i]));
	}
	round_trip("/text/value", NULL, 0);
	round_trip("/text/value", "\0", 1);
	round_trip("/text/value", "a\0b\0", 4);
}

static void every_ascii_value(void)
{
	char all[128];
	for (int c = 0; c < 128; c++) {
		all[c] = (char)c;
		round_trip("/text/ascii-value", &all[c], 1);
	}
	round_trip("/text/ascii-value", all, sizeof all);
}

static size_t utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = length - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)((0xf00 >> length) | c);
	return length;
}

/* Some of every block of every plane, and the ends of each. */
static void unicode(void)
{
	char *all = malloc(100000);
	size_t length = 0;
	CHECK(all != NULL);
	for (uint32_t c = 0; c < 0x110000; c += 97)
		if (c < 0xd800 || c > 0xdfff)
			length += utf8(all + length, c);
	const uint32_t ends[] = {0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xfffe, 0xffff, 0x10000, 0x1ffff, 0x2fffe, 0xe0001, 0x10ffff};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		length += utf8(all + length, ends[i]);
	CHECK(length < 100000);
	round_trip("/text/unicode", all, length);
	free(all);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	odd_keys();
	every_ascii_key();
	trailing_slash();
	odd_values();
	every_ascii_value();
	unicode();
	return finish();
}
