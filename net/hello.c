/* SPDX-License-Identifier: MIT */
/*
 * hello.c - see hello.h.
 *
 * How a struct of another version is read: fixed_size says how long the
 * sender's is. It is copied over zeros, as much of it as both know; what is
 * missing is then 0, what is longer is stepped over, since the texts begin
 * where the sender's struct ends. Behind the texts that we know there may be
 * others. All that is needed for that, magic, version and fixed_size, stands at
 * the beginning and never moves.
 *
 * Rejected: to ask that fixed_size ends at a field of ours. It would buy
 * nothing: a part of a field can only be smaller than the field, and each value
 * is judged after that.
 */
#include "net/hello.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "shm/assert.h"
#include "shm/name.h"

#define FEATURES_KNOWN BCAST_FEATURE_CHECKSUM
#define ROLES_KNOWN                                                 \
	((uint32_t)(BCAST_CLIENT_SUBSCRIBE | BCAST_CLIENT_PUBLISH | \
		    BCAST_CLIENT_NODE))

/* What a struct must have at least: up to the end of its fixed_size. */
#define HELLO_MIN   8u
#define WELCOME_MIN 4u
#define REJECT_MIN  4u

static_assert(offsetof(struct bcast_hello, needs) == HELLO_MIN &&
		      offsetof(struct bcast_welcome, flags) == WELCOME_MIN &&
		      offsetof(struct bcast_reject, retry_after_ms) ==
			      REJECT_MIN,
	      "what comes first of each");
static_assert(sizeof(struct bcast_hello) + BCAST_NAME_MAX + BCAST_NODE_ID_MAX +
			      BC_HELLO_KEY_MAX <=
		      BCAST_HELLO_MAX,
	      "the longest HELLO that we write is not refused");
static_assert(sizeof(struct bcast_packet_header) + BCAST_CONTROL_MAX +
			      BCAST_PACKET_ALIGN <=
		      BC_HELLO_FRAME_MAX,
	      "any control record fits, with its padding");
static_assert(sizeof(struct bcast_welcome) + BCAST_NAME_MAX <=
		      BCAST_CONTROL_MAX,
	      "a WELCOME is a control record");
static_assert(sizeof(struct bcast_reject) + BC_HELLO_TEXT_MAX <=
		      BCAST_CONTROL_MAX,
	      "so is a REJECT");

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- Write ------------------------------------------------------------- */

/* A payload in the making. */
struct draft {
	unsigned char bytes[BCAST_CONTROL_MAX];
	size_t size;
};

static void append(struct draft *draft, const void *bytes, size_t size)
{
	BC_ASSERT(size <= sizeof(draft->bytes) - draft->size);
	if (size > 0)
		memcpy(draft->bytes + draft->size, bytes, size);
	draft->size += size;
}

static size_t write_draft(unsigned char *to, const struct draft *draft,
			  enum bcast_packet_type type)
{
	struct bcast_packet_header header = {
		.length = (uint32_t)draft->size,
		.type = (uint16_t)type,
	};

	return bc_packet_write(to, &header, draft->bytes);
}

size_t bc_hello_write(unsigned char *to, const struct bc_hello *hello)
{
	struct draft draft = {.size = 0};
	struct bcast_hello fixed = hello->fixed;

	BC_ASSERT(fixed.key_length <= BC_HELLO_KEY_MAX);
	fixed.magic = BCAST_HELLO_MAGIC;
	if (fixed.version == 0)
		fixed.version = BCAST_PROTOCOL_VERSION;
	fixed.fixed_size = sizeof(fixed);
	fixed.name_length = (uint16_t)strnlen(hello->name, BCAST_NAME_MAX);
	fixed.id_length = (uint16_t)strnlen(hello->id, BCAST_NODE_ID_MAX);
	append(&draft, &fixed, sizeof(fixed));
	append(&draft, hello->name, fixed.name_length);
	append(&draft, hello->id, fixed.id_length);
	append(&draft, hello->key, fixed.key_length);
	return write_draft(to, &draft, BCAST_PACKET_HELLO);
}

size_t bc_welcome_write(unsigned char *to, const struct bc_welcome *welcome)
{
	struct draft draft = {.size = 0};
	struct bcast_welcome fixed = welcome->fixed;

	if (fixed.version == 0)
		fixed.version = BCAST_PROTOCOL_VERSION;
	fixed.fixed_size = sizeof(fixed);
	fixed.name_length = (uint16_t)strnlen(welcome->name, BCAST_NAME_MAX);
	append(&draft, &fixed, sizeof(fixed));
	append(&draft, welcome->name, fixed.name_length);
	return write_draft(to, &draft, BCAST_PACKET_WELCOME);
}

size_t bc_reject_write(unsigned char *to, const struct bc_reject *reject)
{
	struct draft draft = {.size = 0};
	struct bcast_reject fixed = {
		.code = (uint16_t)reject->code,
		.fixed_size = sizeof(fixed),
		.retry_after_ms = reject->retry_after_ms,
	};

	BC_ASSERT(reject->code > 0 && reject->code <= UINT16_MAX);
	append(&draft, &fixed, sizeof(fixed));
	append(&draft, reject->text,
	       strnlen(reject->text, BC_HELLO_TEXT_MAX - 1));
	return write_draft(to, &draft, BCAST_PACKET_REJECT);
}

/* ---- Read -------------------------------------------------------------- */

/* What is left of a payload, behind the struct. */
struct rest {
	const unsigned char *bytes;
	size_t size;
};

/*
 * Copy the sender's struct, of which `fixed_size` bytes are there, over zeros.
 * False if it cannot be that long.
 */
static bool read_fixed(const struct bc_packet_frame *frame, size_t fixed_size,
		       size_t least, void *fixed, size_t known,
		       struct rest *rest)
{
	size_t length = frame->header.length;

	if (fixed_size < least || fixed_size > length)
		return false;
	memset(fixed, 0, known);
	memcpy(fixed, frame->payload, smaller(fixed_size, known));
	rest->bytes = frame->payload + fixed_size;
	rest->size = length - fixed_size;
	return true;
}

static uint16_t read_u16(const unsigned char *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/*
 * Take the first `length` bytes of what is left. False if there are not that
 * many, or there is no room for them; `size` leaves room for a terminator.
 */
static bool take_bytes(struct rest *rest, size_t length, void *to, size_t size)
{
	if (length > rest->size || length > size)
		return false;
	if (length > 0)
		memcpy(to, rest->bytes, length);
	rest->bytes += length;
	rest->size -= length;
	return true;
}

/* A text is empty, or by its rule; a 0 in it would hide what follows. */
static bool is_text(const char *text, size_t length, bool (*rule)(const char *))
{
	return length == 0 || (strlen(text) == length && rule(text));
}

static int refuse(enum bcast_reject_code code, const char *text,
		  const char **why)
{
	*why = text;
	return (int)code;
}

/* The struct of a HELLO, and where its texts begin. */
static int read_hello(const struct bc_packet_frame *frame,
		      struct bcast_hello *fixed, struct rest *rest,
		      const char **why)
{
	const unsigned char *payload = frame->payload;
	uint32_t magic;

	if (frame->header.type != BCAST_PACKET_HELLO)
		return refuse(BCAST_REJECT_PROTOCOL, "no HELLO comes first",
			      why);
	if (frame->header.length < HELLO_MIN ||
	    frame->header.length > BCAST_HELLO_MAX)
		return refuse(BCAST_REJECT_PROTOCOL,
			      "HELLO is too short, or too long", why);
	memcpy(&magic, payload, sizeof(magic));
	if (magic != BCAST_HELLO_MAGIC)
		return refuse(BCAST_REJECT_PROTOCOL,
			      "HELLO does not begin with \"bcst\"", why);
	if (!read_fixed(frame,
			read_u16(payload +
				 offsetof(struct bcast_hello, fixed_size)),
			HELLO_MIN, fixed, sizeof(*fixed), rest))
		return refuse(BCAST_REJECT_PROTOCOL,
			      "fixed_size of HELLO cannot be", why);
	if (fixed->version == 0)
		return refuse(BCAST_REJECT_VERSION, "there is no version 0",
			      why);
	return 0;
}

static int read_texts(struct rest *rest, struct bc_hello *hello,
		      const char **why)
{
	const struct bcast_hello *fixed = &hello->fixed;

	if (fixed->name_length + fixed->id_length + fixed->key_length >
	    (int64_t)rest->size)
		return refuse(BCAST_REJECT_PROTOCOL,
			      "texts are longer than HELLO", why);
	if (!take_bytes(rest, fixed->name_length, hello->name,
			BCAST_NAME_MAX) ||
	    !is_text(hello->name, fixed->name_length, bc_name_valid))
		return refuse(BCAST_REJECT_STREAM, "not a name of a stream",
			      why);
	if (!take_bytes(rest, fixed->id_length, hello->id, BCAST_NODE_ID_MAX) ||
	    !is_text(hello->id, fixed->id_length, bc_name_id_valid))
		return refuse(BCAST_REJECT_NODE_ID, "not an id of a node", why);
	if (!take_bytes(rest, fixed->key_length, hello->key, BC_HELLO_KEY_MAX))
		return refuse(BCAST_REJECT_PROTOCOL,
			      "key is longer than 128 bytes", why);
	return 0;
}

/* What the client asks for: is it all known, and does it go together? */
static int judge(const struct bc_hello *hello, const char **why)
{
	const struct bcast_hello *fixed = &hello->fixed;

	if (fixed->needs & ~FEATURES_KNOWN)
		return refuse(BCAST_REJECT_NEEDS,
			      "needs has a feature that is not known here",
			      why);
	if (fixed->roles & ~ROLES_KNOWN)
		return refuse(BCAST_REJECT_ROLE,
			      "roles has one that is not known here", why);
	if (fixed->from > BCAST_START_TIME)
		return refuse(BCAST_REJECT_NEEDS,
			      "from is a start that is not known here", why);
	if (fixed->policy > BCAST_WISH_SKIP)
		return refuse(BCAST_REJECT_NEEDS,
			      "policy is a wish that is not known here", why);
	if ((fixed->roles & BCAST_CLIENT_PUBLISH) && fixed->publisher_id == 0)
		return refuse(BCAST_REJECT_PROTOCOL,
			      "a publisher has a publisher_id", why);
	if ((fixed->roles & BCAST_CLIENT_NODE) && fixed->id_length == 0)
		return refuse(BCAST_REJECT_NODE_ID, "a node has an id", why);
	return 0;
}

int bc_hello_read(const struct bc_packet_frame *frame, struct bc_hello *hello,
		  const char **why)
{
	struct bc_hello found = {.name = ""};
	struct rest rest = {NULL, 0};
	int ret = read_hello(frame, &found.fixed, &rest, why);

	if (ret == 0)
		ret = read_texts(&rest, &found, why);
	if (ret == 0)
		ret = judge(&found, why);
	if (ret != 0)
		return ret;
	found.fixed.wants &= FEATURES_KNOWN;
	*hello = found;
	return 0;
}

int bc_welcome_read(const struct bc_packet_frame *frame,
		    struct bc_welcome *welcome)
{
	struct bc_welcome found = {.name = ""};
	struct rest rest = {NULL, 0};

	if (frame->header.type != BCAST_PACKET_WELCOME ||
	    frame->header.length < WELCOME_MIN)
		return -EPROTO;
	if (!read_fixed(frame,
			read_u16(frame->payload +
				 offsetof(struct bcast_welcome, fixed_size)),
			WELCOME_MIN, &found.fixed, sizeof(found.fixed), &rest))
		return -EPROTO;
	if (found.fixed.version == 0 ||
	    found.fixed.version > BCAST_PROTOCOL_VERSION)
		return -EPROTO;
	if (!take_bytes(&rest, found.fixed.name_length, found.name,
			BCAST_NAME_MAX) ||
	    !is_text(found.name, found.fixed.name_length, bc_name_valid))
		return -EPROTO;
	*welcome = found;
	return 0;
}

/* One printable line, whatever was sent. */
static void take_line(const struct rest *rest, char text[BC_HELLO_TEXT_MAX])
{
	size_t n = smaller(rest->size, BC_HELLO_TEXT_MAX - 1);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = rest->bytes[i];

		text[i] = c >= ' ' && c <= '~' ? (char)c : '?';
	}
	text[n] = '\0';
}

int bc_reject_read(const struct bc_packet_frame *frame,
		   struct bc_reject *reject)
{
	struct bcast_reject fixed;
	struct rest rest = {NULL, 0};

	if (frame->header.type != BCAST_PACKET_REJECT ||
	    frame->header.length < REJECT_MIN)
		return -EPROTO;
	if (!read_fixed(frame,
			read_u16(frame->payload +
				 offsetof(struct bcast_reject, fixed_size)),
			REJECT_MIN, &fixed, sizeof(fixed), &rest))
		return -EPROTO;
	if (fixed.code == 0)
		return -EPROTO;
	reject->code = fixed.code;
	reject->retry_after_ms = fixed.retry_after_ms;
	take_line(&rest, reject->text);
	return 0;
}

const char *bc_reject_name(uint32_t code)
{
	switch ((enum bcast_reject_code)code) {
	case BCAST_REJECT_PROTOCOL:
		return "protocol";
	case BCAST_REJECT_VERSION:
		return "version";
	case BCAST_REJECT_NEEDS:
		return "needs";
	case BCAST_REJECT_STREAM:
		return "stream";
	case BCAST_REJECT_ROLE:
		return "role";
	case BCAST_REJECT_BUSY:
		return "busy";
	case BCAST_REJECT_LIMIT:
		return "limit";
	case BCAST_REJECT_NODE_ID:
		return "node_id";
	case BCAST_REJECT_POSITION:
		return "position";
	case BCAST_REJECT_TIMEOUT:
		return "timeout";
	case BCAST_REJECT_ENDING:
		return "ending";
	case BCAST_REJECT_SEQUENCE:
		return "sequence";
	case BCAST_REJECT_CHECKSUM:
		return "checksum";
	case BCAST_REJECT_SIZE:
		return "size";
	case BCAST_REJECT_REPLACED:
		return "replaced";
	case BCAST_REJECT_SLOW:
		return "slow";
	}
	return "unknown";
}
