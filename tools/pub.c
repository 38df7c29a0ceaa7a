/* SPDX-License-Identifier: MIT */
/*
 * pub.c - bcast-pub: standard input, or files, into a stream, as a local
 * publisher or over TCP. This file is the command line; see pub.h for the
 * others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "address.h"
#include "interrupt.h"
#include "options.h"
#include "pub.h"

#define RATE_MAX   1e12
#define SOURCE_MAX 65535
#define KEY_MAX	   65535u

enum option {
	OPTION_ID,
	OPTION_LINES,
	OPTION_BLOCK,
	OPTION_WHOLE,
	OPTION_LENGTH_PREFIXED,
	OPTION_WAIT,
	OPTION_RATE,
	OPTION_STAMP,
	OPTION_SOURCE,
	OPTION_KEY,
	OPTION_KEY_DELIMITER,
	OPTION_CHECKSUM,
	OPTION_PROGRESS,
	OPTION_STATS,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_COUNT
};

static const struct options_row rows[] = {
	[OPTION_ID] = {"id", 'i', false, "NODE",
		       "the id to be known by (pub-PID)"},
	[OPTION_LINES] = {"lines", 'l', false, NULL,
			  "each line is a publication (packets: the default)"},
	[OPTION_BLOCK] = {"block", 'b', false, "SIZE",
			  "each SIZE bytes are one; suffixes K, M"},
	[OPTION_WHOLE] = {"whole", 0, false, NULL, "each file is one"},
	[OPTION_LENGTH_PREFIXED] =
		{"length-prefixed", 0, false, NULL,
		 "4 bytes of length, big-endian, stand before each"},
	[OPTION_WAIT] = {"wait", 'w', true, "SECONDS",
			 "wait for stream, lease, and room: 2, 2s, 500ms"},
	[OPTION_RATE] = {"rate", 'r', false, "N/s|SIZEB/s",
			 "so many publications, or bytes (10MB/s), a second"},
	[OPTION_STAMP] = {"stamp", 0, false, "coarse|exact|none",
			  "time in the header of packets (coarse: some ms)"},
	[OPTION_SOURCE] = {"source", 0, false, "N",
			   "source in the header of packets, 0 to 65535 (0)"},
	[OPTION_KEY] = {"key", 'k', false, "KEY", "the key of each record"},
	[OPTION_KEY_DELIMITER] = {"key-delimiter", 'K', false, "C",
				  "lines: what stands before this is the key"},
	[OPTION_CHECKSUM] = {"checksum", 'c', false, NULL,
			     "crc32c of the payload in the header of packets"},
	[OPTION_PROGRESS] = {"progress", 'p', false, NULL,
			     "each second, a line on standard error"},
	[OPTION_STATS] = {"stats", 's', false, NULL,
			  "at the end, one line of JSON on standard error"},
	[OPTION_VERSION] = {"version", 'V', false, NULL,
			    "print the version and end"},
	[OPTION_HELP] = {"help", 'h', false, NULL, "print this and end"},
};

static const struct options options = {
	.program = PUB_PROGRAM,
	.operands = "NAME|HOST:PORT|unix:/path [FILE]...",
	.summary = "Publish standard input, or files, in a bcast stream.",
	.rows = rows,
	.count = OPTION_COUNT,
};

/* ---- Command line ------------------------------------------------------ */

static void take_cut(struct pub_wish *wish, enum pub_cut cut)
{
	if (wish->cut != PUB_CUT_DEFAULT && wish->cut != cut)
		wish->cuts_clash = true;
	wish->cut = cut;
}

/* "1000/s", "64KB/s": the unit is not optional, so none is mistaken. */
static bool take_rate(struct pub_wish *wish, const char *text)
{
	static const char each[] = "/s", bytes[] = "B/s";
	size_t length = strlen(text);
	bool of_bytes = length > strlen(bytes) &&
			strcmp(text + length - strlen(bytes), bytes) == 0;
	size_t unit = of_bytes ? strlen(bytes) : strlen(each);
	char number[32];
	uint64_t rate;

	if (length <= unit || length - unit >= sizeof(number) ||
	    strcmp(text + length - strlen(each), each) != 0)
		return false;
	memcpy(number, text, length - unit);
	number[length - unit] = '\0';
	if (!options_size(number, &rate) || rate == 0 ||
	    (double)rate > RATE_MAX)
		return false;
	if (of_bytes)
		wish->bytes_per_second = (double)rate;
	else
		wish->publications_per_second = (double)rate;
	return true;
}

static bool take_stamp(struct pub_wish *wish, const char *text)
{
	static const char *const names[] = {
		[BCAST_STAMP_COARSE] = "coarse",
		[BCAST_STAMP_EXACT] = "exact",
		[BCAST_STAMP_NONE] = "none",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			wish->stamp = (uint16_t)i;
			return true;
		}
	}
	return false;
}

static bool take_source(struct pub_wish *wish, const char *text)
{
	uint64_t source;

	if (!options_size(text, &source) || source > SOURCE_MAX)
		return false;
	wish->source = (uint16_t)source;
	return true;
}

static bool take_key(struct pub_wish *wish, const char *text)
{
	size_t length = strlen(text);

	wish->key = text;
	return length > 0 && length <= KEY_MAX;
}

static bool take_delimiter(struct pub_wish *wish, const char *text)
{
	if (strcmp(text, "\\t") == 0)
		text = "\t";
	wish->key_ends = text[0];
	return text[0] && text[0] != '\n' && !text[1];
}

static bool take_wait(struct pub_wish *wish, const char *text)
{
	wish->wait = true;
	wish->wait_ms = -1;
	return !text || options_time(text, 1000, &wish->wait_ms);
}

/* Set what the option says; NULL, or what its argument should have been. */
static const char *take(void *to, int option, const char *text)
{
	struct pub_wish *wish = to;

	switch ((enum option)option) {
	case OPTION_ID:
		wish->id = text;
		break;
	case OPTION_LINES:
		take_cut(wish, PUB_CUT_LINES);
		break;
	case OPTION_BLOCK:
		take_cut(wish, PUB_CUT_BLOCK);
		return options_size(text, &wish->block_bytes) &&
				       wish->block_bytes > 0
			       ? NULL
			       : "a number of bytes such as 100 or 64K";
	case OPTION_WHOLE:
		take_cut(wish, PUB_CUT_WHOLE);
		break;
	case OPTION_LENGTH_PREFIXED:
		take_cut(wish, PUB_CUT_LENGTH);
		break;
	case OPTION_WAIT:
		return take_wait(wish, text)
			       ? NULL
			       : "a time of up to a day such as 2s or 500ms";
	case OPTION_RATE:
		return take_rate(wish, text)
			       ? NULL
			       : "a rate such as 1000/s, 64KB/s or 10MB/s";
	case OPTION_STAMP:
		return take_stamp(wish, text) ? NULL : "coarse, exact or none";
	case OPTION_SOURCE:
		return take_source(wish, text) ? NULL : "0 to 65535";
	case OPTION_KEY:
		return take_key(wish, text) ? NULL : "1 to 65535 bytes";
	case OPTION_KEY_DELIMITER:
		return take_delimiter(wish, text)
			       ? NULL
			       : "one byte such as : or =, or \\t";
	case OPTION_CHECKSUM:
		wish->flags |= BCAST_CHECKSUM;
		break;
	case OPTION_PROGRESS:
		wish->progress = true;
		break;
	case OPTION_STATS:
		wish->stats = true;
		break;
	case OPTION_VERSION: /* options_read() answers these two */
	case OPTION_HELP:
	case OPTION_COUNT:
		break;
	}
	return NULL;
}

/* ---- Start ------------------------------------------------------------- */

static int run(const struct pub_wish *wish)
{
	struct pub pub = {
		.wish = wish,
		.progress = {PUB_PROGRAM, "publications", 0},
	};
	int code = pub_open(&pub);

	if (code == EX_OK)
		code = pub_copy(&pub);
	pub_close(&pub);
	return code;
}

int main(int argc, char **argv)
{
	struct pub_wish wish = {.wait_ms = -1};
	char id[32];
	int code = options_read(&options, argc, argv, take, &wish);

	if (code != OPTIONS_GO_ON)
		return code;
	if (argc == optind)
		return options_misused(&options, "which stream?");
	if (wish.cuts_clash)
		return options_misused(
			&options, "only one of --lines, --block, --whole and "
				  "--length-prefixed");
	if (wish.key && wish.key_ends)
		return options_misused(&options,
				       "only one of --key and --key-delimiter");
	if (wish.key_ends && wish.cut != PUB_CUT_DEFAULT &&
	    wish.cut != PUB_CUT_LINES)
		return options_misused(&options,
				       "--key-delimiter goes with --lines");
	wish.name = argv[optind];
	if (!address_is_name(wish.name) && (wish.stamp || wish.source))
		return options_misused(
			&options, "--stamp and --source are for local streams: "
				  "over TCP the daemon says so");
	wish.files = argv + optind + 1;
	wish.file_count = argc - optind - 1;
	if (!wish.id) {
		snprintf(id, sizeof(id), "pub-%d", (int)getpid());
		wish.id = id;
	}
	wish.interrupted = interrupt_catch();
	code = run(&wish);
	return interrupt_end(code);
}
