/* SPDX-License-Identifier: MIT */
/*
 * pub_input.c - bcast-pub: what is to be published. See pub.h.
 *
 * Before a read that could wait for somebody, poll(2) waits, in slices: so
 * signals, the end of the stream and our own sign of life are looked after
 * however long nobody types, and no claim is open meanwhile unless a block is
 * half full.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pub.h"

#define SLICE_MS 100

static int open_path(struct pub_input *input, const char *path)
{
	struct stat status;

	input->path = strcmp(path, "-") == 0 ? "standard input" : path;
	input->fd = strcmp(path, "-") == 0 ? STDIN_FILENO
					   : open(path, O_RDONLY | O_CLOEXEC);
	if (input->fd < 0 || fstat(input->fd, &status) < 0)
		return -errno;
	input->regular = S_ISREG(status.st_mode);
	input->begin = input->end = 0;
	return 1;
}

int pub_input_next(struct pub *pub)
{
	const struct pub_wish *wish = pub->wish;
	struct pub_input *input = &pub->input;

	pub_input_close(input);
	if (input->next >= (wish->file_count ? wish->file_count : 1))
		return 0;
	input->next++;
	return open_path(input,
			 wish->file_count ? wish->files[input->next - 1] : "-");
}

void pub_input_close(struct pub_input *input)
{
	if (input->fd > STDIN_FILENO)
		(void)close(input->fd);
	input->fd = -1;
}

int pub_input_wait(struct pub *pub)
{
	struct pollfd in = {.fd = pub->input.fd, .events = POLLIN};
	int timeout_ms = 0;
	int ret;

	if (*pub->wish->interrupted)
		return -EINTR;
	/* an end of file and an error are events, too: read(2) tells */
	while (!pub->input.regular && poll(&in, 1, timeout_ms) <= 0) {
		ret = pub_idle(pub);
		if (ret < 0)
			return ret;
		timeout_ms = SLICE_MS;
	}
	return 0;
}

int64_t pub_input_read(struct pub *pub, void *to, size_t size)
{
	for (;;) {
		int ret = pub_input_wait(pub);
		ssize_t n;

		if (ret < 0)
			return ret;
		n = read(pub->input.fd, to, size);
		if (n >= 0)
			return n;
		/* somebody else may have taken what poll(2) saw */
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

int64_t pub_input_fill(struct pub *pub, void *to, size_t size)
{
	size_t filled = 0;

	while (filled < size) {
		int64_t n = pub_input_read(pub, (unsigned char *)to + filled,
					   size - filled);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		filled += (size_t)n;
	}
	return (int64_t)filled;
}

int64_t pub_input_more(struct pub *pub)
{
	struct pub_input *input = &pub->input;
	int64_t n;

	if (input->begin > 0) {
		memmove(input->buffer, input->buffer + input->begin,
			input->end - input->begin);
		input->end -= input->begin;
		input->begin = 0;
	}
	n = pub_input_read(pub, input->buffer + input->end,
			   input->room - input->end);
	if (n > 0)
		input->end += (size_t)n;
	return n;
}
