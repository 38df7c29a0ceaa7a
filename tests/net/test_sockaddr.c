/* SPDX-License-Identifier: MIT */
/* test_sockaddr.c - addresses in all the ways people write them. */
#include "net/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* Parse a numeric address that gives exactly one result. */
static struct sockaddr_storage one(const char *text)
{
	struct bc_sockaddr list[4];

	assert_int_equal(bc_sockaddr_parse(text, list, 4), 1);
	return list[0].storage;
}

static void assert_formats_as(const char *text, const char *expected)
{
	struct sockaddr_storage address = one(text);
	char buffer[BC_SOCKADDR_TEXT_MAX];

	assert_string_equal(
		bc_sockaddr_format(&address, buffer, sizeof(buffer)), expected);
}

static void numeric_addresses_survive_the_way_there_and_back(void **state)
{
	(void)state;
	assert_formats_as("127.0.0.1:7400", "127.0.0.1:7400");
	assert_formats_as("0.0.0.0:0", "0.0.0.0:0");
	assert_formats_as("255.255.255.255:65535", "255.255.255.255:65535");
	assert_formats_as("[::1]:7400", "[::1]:7400");
	assert_formats_as("[::]:0", "[::]:0");
	assert_formats_as("[2001:DB8:0:0::5]:1", "[2001:db8::5]:1");
}

static void mapped_addresses_are_shown_as_ipv4(void **state)
{
	(void)state;
	assert_formats_as("[::ffff:10.0.0.2]:4100", "10.0.0.2:4100");
}

static void the_length_fits_the_family(void **state)
{
	struct bc_sockaddr address;

	(void)state;
	assert_int_equal(bc_sockaddr_parse("127.0.0.1:1", &address, 1), 1);
	assert_int_equal(address.length, sizeof(struct sockaddr_in));
	assert_int_equal(bc_sockaddr_parse("[::1]:1", &address, 1), 1);
	assert_int_equal(address.length, sizeof(struct sockaddr_in6));
}

static void a_port_is_0_to_65535(void **state)
{
	char host[BC_SOCKADDR_HOST_MAX];
	uint16_t port = 1;

	(void)state;
	assert_int_equal(bc_sockaddr_split("h:0", host, &port), 0);
	assert_int_equal(port, 0);
	assert_int_equal(bc_sockaddr_split("h:65534", host, &port), 0);
	assert_int_equal(port, 65534);
	assert_int_equal(bc_sockaddr_split("h:65535", host, &port), 0);
	assert_int_equal(port, 65535);
	assert_int_equal(bc_sockaddr_split("h:65536", host, &port), -EINVAL);
	assert_int_equal(port, 65535);
}

static void other_forms_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"a",
		":",
		"7400",
		":7400",
		"a:",
		"a:b",
		"a:-1",
		"a:+1",
		"a: 1",
		"a:1 ",
		"a:000001",
		"a:0x1",
		"a:http",
		"::1:7400",
		"[::1]",
		"[::1]7400",
		"[::1:7400",
		"[]:1",
		"[a]:1",
		"[*]:1",
		"[1.2.3.4]:1",
		"a b:1",
		"a\n:1",
		"\x7f:1",
		"unix:",
		"http://a:1",
		"::",
		"]:1",
		"[:1",
		"unix:/",
		"unix:@",
		"unix:/a b",
		"unix:a",
		"unix:/a,b",
		"unix:/a\n",
		"unix:/\"a\"",
		"Unix:/a",
		"unix:/a\\b",
		"a]:1",
		"*",
		"a:1:2",
	};
	struct bc_sockaddr list[4];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(bc_sockaddr_parse(texts[i], list, 4), -EINVAL);
	assert_int_equal(bc_sockaddr_parse("127.0.0.1:1", list, 0), -EINVAL);
}

static void a_host_has_up_to_255_characters(void **state)
{
	char host[BC_SOCKADDR_HOST_MAX];
	char text[BC_SOCKADDR_HOST_MAX + 3];
	uint16_t port;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + BC_SOCKADDR_HOST_MAX - 1, ":1", 3);
	assert_int_equal(bc_sockaddr_split(text, host, &port), 0);
	assert_int_equal(strlen(host), BC_SOCKADDR_HOST_MAX - 1);
	memset(text, 'a', sizeof(text));
	memcpy(text + BC_SOCKADDR_HOST_MAX, ":1", 3);
	assert_int_equal(bc_sockaddr_split(text, host, &port), -EINVAL);
}

static void a_name_gives_loopback_once_per_family(void **state)
{
	struct bc_sockaddr list[8];
	int count;

	(void)state;
	count = bc_sockaddr_parse("localhost:7400", list, 8);

	if (count < 0)
		skip(); /* a machine without /etc/hosts */
	assert_in_range(count, 1, 2);
	for (int i = 0; i < count; i++)
		assert_true(bc_sockaddr_same_host(&list[i].storage,
						  &list[i].storage));
	if (count == 2)
		assert_int_not_equal(list[0].storage.ss_family,
				     list[1].storage.ss_family);
	assert_int_equal(bc_sockaddr_parse("localhost:7400", list, 1), 1);
}

static void a_star_means_all_addresses(void **state)
{
	struct bc_sockaddr list[4];
	char text[BC_SOCKADDR_TEXT_MAX];
	int count;

	(void)state;
	count = bc_sockaddr_parse("*:7400", list, 4);

	assert_in_range(count, 1, 2);
	for (int i = 0; i < count; i++) {
		bc_sockaddr_format(&list[i].storage, text, sizeof(text));
		assert_true(strcmp(text, "0.0.0.0:7400") == 0 ||
			    strcmp(text, "[::]:7400") == 0);
	}
}

static void a_name_that_does_not_resolve_has_a_code_and_a_text(void **state)
{
	struct bc_sockaddr list[4];
	int ret;

	(void)state;
	/* Too long for a label: refused without asking the network. */
	ret = bc_sockaddr_parse("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
				"xxxxxxxxxxxxxxxxxxxxxxxxxxxx.invalid:1",
				list, 4);

	assert_true(ret < -6000);
	assert_string_not_equal(bc_sockaddr_strerror(ret),
				bc_sockaddr_strerror(-EINVAL));
	assert_true(strlen(bc_sockaddr_strerror(ret)) > 0);
	assert_non_null(strstr(bc_sockaddr_strerror(-EINVAL), "HOST:PORT"));
	assert_string_equal(bc_sockaddr_strerror(-ENOMEM), strerror(ENOMEM));
	assert_string_equal(bc_sockaddr_strerror(2), "Success");
}

static void formatting_always_ends_its_text(void **state)
{
	struct sockaddr_storage address = one("127.0.0.1:7400");
	struct sockaddr_storage other = {.ss_family = AF_NETLINK};
	char buffer[BC_SOCKADDR_TEXT_MAX];

	(void)state;
	bc_sockaddr_format(&address, buffer, 5);
	assert_string_equal(buffer, "127.");
	bc_sockaddr_format(&other, buffer, sizeof(buffer));
	assert_string_equal(buffer, "unknown");
}

static void unix_sockets_survive_the_way_there_and_back(void **state)
{
	struct bc_sockaddr address;

	(void)state;
	assert_formats_as("unix:/run/feed.sock", "unix:/run/feed.sock");
	assert_formats_as("unix:@feed", "unix:@feed");
	assert_formats_as("unix:/a:7400", "unix:/a:7400");
	assert_int_equal(bc_sockaddr_parse("unix:/a", &address, 1), 1);
	assert_true(bc_sockaddr_is_unix(&address));
	assert_string_equal(bc_sockaddr_path(&address), "/a");
	assert_int_equal(bc_sockaddr_parse("unix:@a", &address, 1), 1);
	assert_null(bc_sockaddr_path(&address));
	/* a host called unix */
	assert_int_equal(bc_sockaddr_check("unix:7400"), 0);
}

static void a_socket_path_has_up_to_107_bytes(void **state)
{
	char text[5 + BC_SOCKADDR_PATH_MAX + 2] = "unix:/";
	char shown[BC_SOCKADDR_TEXT_MAX];
	struct bc_sockaddr address;

	(void)state;
	for (size_t length = 106; length <= 108; length++) {
		int good = length <= 107;

		memset(text + 6, 'a', length - 1);
		text[5 + length] = '\0';
		assert_int_equal(bc_sockaddr_check(text),
				 good ? 0 : -ENAMETOOLONG);
		assert_int_equal(bc_sockaddr_parse(text, &address, 1),
				 good ? 1 : -ENAMETOOLONG);
		if (good)
			assert_string_equal(bc_sockaddr_format(&address.storage,
							       shown,
							       sizeof(shown)),
					    text);
	}
	assert_non_null(strstr(bc_sockaddr_strerror(-ENAMETOOLONG), "107"));
}

static void a_port_can_be_changed(void **state)
{
	struct bc_sockaddr address;

	(void)state;
	assert_int_equal(bc_sockaddr_parse("127.0.0.1:1", &address, 1), 1);
	bc_sockaddr_set_port(&address, 7400);
	assert_int_equal(bc_sockaddr_port(&address.storage), 7400);
	assert_int_equal(bc_sockaddr_parse("[::1]:1", &address, 1), 1);
	bc_sockaddr_set_port(&address, 65535);
	assert_int_equal(bc_sockaddr_port(&address.storage), 65535);
}

static bool same_host(const char *local, const char *peer)
{
	struct sockaddr_storage a = one(local);
	struct sockaddr_storage b = one(peer);

	return bc_sockaddr_same_host(&a, &b);
}

static void loopback_and_our_own_address_are_this_host(void **state)
{
	(void)state;
	assert_true(same_host("127.0.0.1:1", "127.0.0.1:2"));
	assert_true(same_host("127.0.0.1:1", "127.9.9.9:2"));
	assert_true(same_host("[::1]:1", "[::1]:2"));
	assert_true(same_host("10.0.0.1:1", "10.0.0.1:2"));
	assert_true(same_host("[2001:db8::1]:1", "[2001:db8::1]:2"));
	assert_true(same_host("[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:2"));
	assert_true(same_host("10.0.0.1:1", "[::ffff:10.0.0.1]:2"));
	assert_true(same_host("unix:/a", "unix:@b"));
}

static void others_are_not_this_host(void **state)
{
	struct sockaddr_storage none = {.ss_family = AF_UNSPEC};

	(void)state;
	assert_false(same_host("10.0.0.1:1", "10.0.0.2:1"));
	assert_false(same_host("127.0.0.1:1", "128.0.0.1:1"));
	assert_false(same_host("127.0.0.1:1", "126.255.255.255:1"));
	assert_false(same_host("[2001:db8::1]:1", "[2001:db8::2]:1"));
	assert_false(same_host("[::1]:1", "[2001:db8::2]:1"));
	assert_false(same_host("[::]:1", "0.0.0.0:1"));
	assert_false(bc_sockaddr_same_host(&none, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			numeric_addresses_survive_the_way_there_and_back),
		cmocka_unit_test(mapped_addresses_are_shown_as_ipv4),
		cmocka_unit_test(the_length_fits_the_family),
		cmocka_unit_test(a_port_is_0_to_65535),
		cmocka_unit_test(other_forms_are_refused),
		cmocka_unit_test(a_host_has_up_to_255_characters),
		cmocka_unit_test(a_name_gives_loopback_once_per_family),
		cmocka_unit_test(a_star_means_all_addresses),
		cmocka_unit_test(
			a_name_that_does_not_resolve_has_a_code_and_a_text),
		cmocka_unit_test(formatting_always_ends_its_text),
		cmocka_unit_test(unix_sockets_survive_the_way_there_and_back),
		cmocka_unit_test(a_socket_path_has_up_to_107_bytes),
		cmocka_unit_test(a_port_can_be_changed),
		cmocka_unit_test(loopback_and_our_own_address_are_this_host),
		cmocka_unit_test(others_are_not_this_host),
	};

	return cmocka_run_group_tests_name("net/sockaddr", tests, NULL, NULL);
}
