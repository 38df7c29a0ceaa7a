/* SPDX-License-Identifier: MIT */
/* test_huge_pages.c - texts of the kernel, read for what it gave. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/huge_pages.h"

#define MIB (UINT64_C(1) << 20)

static FILE *text_file(const char *text)
{
	static char buffer[8192];
	size_t length = strlen(text);
	FILE *file;

	assert_true(length < sizeof(buffer));
	memcpy(buffer, text, length + 1);
	/* an empty buffer is refused */
	file = fmemopen(buffer, length ? length : 1, "r");
	assert_non_null(file);
	return file;
}

/* ---- smaps ------------------------------------------------------------- */

/* As of Linux 6.18, shortened. */
static const char smaps[] =
	"55d0c0a00000-55d0c0a02000 r--p 00000000 fe:00 33 /usr/bin/bcastd\n"
	"Size:                  8 kB\n"
	"ShmemPmdMapped:     4096 kB\n"
	"VmFlags: rd mr mw me sd \n"
	"7f81e9a00000-7f81eaa00000 rw-s 00200000 00:27 2 /dev/shm/bcast.a b\n"
	"Size:              16384 kB\n"
	"Rss:               16384 kB\n"
	"AnonHugePages:      2048 kB\n"
	"ShmemPmdMapped:     6144 kB\n"
	"FilePmdMapped:      2048 kB\n"
	"THPeligible:           1\n"
	"VmFlags: rd wr sh mr mw me ms \n"
	"7f81eaa00000-7f81eba00000 rw-s 00200000 00:27 2 /dev/shm/bcast.a b\n"
	"ShmemPmdMapped:    16384 kB\n"
	"FilePmdMapped:         0 kB\n"
	"7f81ec000000-7f81ed000000 rw-s 00000000 00:27 3 /dev/shm/x\n"
	"Size:              16384 kB\n";

static int64_t mapped(const char *text, uintptr_t address)
{
	FILE *file = text_file(text);
	int64_t bytes = huge_pages_mapped(file, address);

	(void)fclose(file);
	return bytes;
}

static void only_the_mapping_asked_for_is_counted(void **state)
{
	(void)state;

	assert_int_equal(mapped(smaps, 0x7f81e9a00000), 8 * MIB);
	assert_int_equal(mapped(smaps, 0x7f81eaa00000), 16 * MIB);
	assert_int_equal(mapped(smaps, 0x7f81ec000000), 0);
	assert_int_equal(mapped(smaps, 0x55d0c0a00000), 4 * MIB);
}

static void mapping_that_is_not_there_is_told(void **state)
{
	(void)state;

	assert_int_equal(mapped(smaps, 0x7f81e9a01000), -ENOENT);
	assert_int_equal(mapped("", 0x1000), -ENOENT);
	assert_int_equal(mapped("garbage\n", 0x1000), -ENOENT);
}

static void odd_figures_count_for_nothing(void **state)
{
	(void)state;

	assert_int_equal(mapped("1000-2000 rw-s 0 0:0 0\n"
				"ShmemPmdMapped: -4 kB\n"
				"ShmemPmdMapped: lots\n"
				"ShmemPmdMappedToo: 4 kB\n"
				"FilePmdMapped: 9223372036854775807 kB\n"
				"FilePmdMapped: 4 kB",
				0x1000),
			 4096);
}

/* ---- The settings ------------------------------------------------------ */

static void assert_option(const char *mounts, const char *expected)
{
	FILE *file = text_file(mounts);
	char word[16];

	assert_string_equal(huge_pages_mount_option(file, word, sizeof(word)),
			    expected);
	(void)fclose(file);
}

static void mount_option_is_that_of_the_topmost_mount(void **state)
{
	(void)state;

	assert_option("tmpfs /dev/shm tmpfs rw,huge=advise,size=9k 0 0\n",
		      "advise");
	assert_option("tmpfs /dev/shm tmpfs rw,huge=within_size 0 0\n",
		      "within_size");
	assert_option("tmpfs /dev/shm tmpfs rw,size=24684084k 0 0\n", "never");
	assert_option("tmpfs /dev/shm tmpfs rw,huge=always 0 0\n"
		      "tmpfs /dev/shm tmpfs rw 0 0\n",
		      "never");
	assert_option("tmpfs /dev/shm tmpfs rw 0 0\n"
		      "tmpfs /dev/shm tmpfs huge=always 0 0\n"
		      "tmpfs /dev/shm2 tmpfs rw 0 0\n"
		      "tmpfs /tmp tmpfs rw,huge=advise 0 0\n",
		      "always");
	assert_option("", "never");
	assert_option("no mount\n", "never");
	/* cut, not overrun */
	assert_option("t /dev/shm tmpfs huge=a_word_without_any_end 0 0\n",
		      "a_word_without_");
}

static void assert_setting(const char *text, const char *expected)
{
	FILE *file = text_file(text);
	char word[16];

	assert_string_equal(huge_pages_setting(file, word, sizeof(word)),
			    expected);
	(void)fclose(file);
}

static void setting_is_the_word_in_brackets(void **state)
{
	(void)state;

	assert_setting("always within_size advise [never] deny force\n",
		       "never");
	assert_setting("[always] within_size\n", "always");
	assert_setting("deny [force]", "force");
	assert_setting("never\n", "unknown");
	assert_setting("[never\n", "unknown");
	assert_setting("", "unknown");
}

static void reason_follows_from_what_is_known(void **state)
{
	const struct {
		uint64_t ring, huge;
		const char *option, *setting, *words;
	} cases[] = {
		{8 * MIB, 8 * MIB, "never", "never", ""},
		{2 * MIB - 1, 0, "always", "always", "smaller"},
		{2 * MIB, 0, "never", "never", "remount,huge=advise"},
		{8 * MIB, 0, "always", "deny", "is deny"},
		{8 * MIB, 0, "never", "force", "had no more"},
		{8 * MIB, 6 * MIB, "advise", "never", "had no more"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why =
			huge_pages_why(cases[i].ring, cases[i].huge,
				       cases[i].option, cases[i].setting);

		if (!strstr(why, cases[i].words) || !*why != !*cases[i].words)
			fail_msg("case %zu: %s", i, why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_mapping_asked_for_is_counted),
		cmocka_unit_test(mapping_that_is_not_there_is_told),
		cmocka_unit_test(odd_figures_count_for_nothing),
		cmocka_unit_test(mount_option_is_that_of_the_topmost_mount),
		cmocka_unit_test(setting_is_the_word_in_brackets),
		cmocka_unit_test(reason_follows_from_what_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
