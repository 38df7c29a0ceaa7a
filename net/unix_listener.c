/* SPDX-License-Identifier: MIT */
/*
 * unix_listener.c - see unix_listener.h.
 *
 * Is there anybody? A datagram socket asks, by connecting: the kernel looks for
 * who is bound to the file before it finds the types to differ (EPROTOTYPE), so
 * a live one is told from a dead one's file (ECONNREFUSED) without becoming its
 * client, who might get the sender's role there.
 *
 * Between the question and the removal another one could have taken the file
 * over. Two of us are kept apart by a lock on the directory, flock(2), which
 * leaves nothing behind; where it cannot be had, they are kept apart by the
 * file's number, but for an instant.
 *
 * Nobody can connect before listen(), so the file has its group and mode by
 * then, whatever it was made with.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "net/listener.h"
#include "net/unix_listener.h"

#define ATTEMPTS      200
#define LOCK_ATTEMPTS 100 /* then without it: anybody can hold it */
#define PAUSE_MS      10

/* ---- The directory ----------------------------------------------------- */

/* Returns a descriptor that holds the lock, -EAGAIN, or another -errno. */
static int lock_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[BC_SOCKADDR_PATH_MAX + 1];
	int fd, error;

	(void)snprintf(directory, sizeof(directory), "%.*s",
		       slash == path ? 1 : (int)(slash - path), path);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	return error == EWOULDBLOCK ? -EAGAIN : -error;
}

/* ---- The file ---------------------------------------------------------- */

/* 0: nobody is bound to the file; -EADDRINUSE: somebody is; or -errno. */
static int ask_who_is_there(const struct bc_sockaddr *address)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address->storage,
		    address->length) < 0)
		error = errno;
	(void)close(fd);
	if (error == ECONNREFUSED)
		return 0;
	return error == EACCES ? -EACCES : -EADDRINUSE;
}

/* Something is in the way: remove it if it is a dead one's socket. */
static int clear_way(const struct bc_sockaddr *address)
{
	const char *path = bc_sockaddr_path(address);
	struct stat before, now;
	int ret;

	if (lstat(path, &before) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(before.st_mode))
		return -ENOTSOCK;
	ret = ask_who_is_there(address);
	if (ret < 0)
		return ret;
	if (lstat(path, &now) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (now.st_dev != before.st_dev || now.st_ino != before.st_ino)
		return -EADDRINUSE;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* O_PATH: not followed, not waited for, and no other file from here on. */
static int grant(const char *path,
		 const struct bc_unix_listener_options *options,
		 struct bc_unix_file *file)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char by_fd[32];
	struct stat info;
	int ret = 0;

	if (fd < 0)
		return -errno;
	(void)snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", fd);
	if (fstat(fd, &info) < 0)
		ret = -errno;
	else if (!S_ISSOCK(info.st_mode))
		ret = -ENOTSOCK;
	if (ret == 0)
		*file = (struct bc_unix_file){info.st_dev, info.st_ino};
	if (ret == 0 && options->gid != (gid_t)-1 &&
	    fchownat(fd, "", (uid_t)-1, options->gid, AT_EMPTY_PATH) < 0)
		ret = -errno;
	/* fchmod() does not take such a descriptor */
	if (ret == 0 && chmod(by_fd, options->mode) < 0)
		ret = -errno;
	(void)close(fd);
	return ret;
}

/* ---- Open -------------------------------------------------------------- */

static int bind_and_listen(int fd, const struct bc_sockaddr *address,
			   const struct bc_unix_listener_options *options,
			   struct bc_unix_file *file)
{
	const char *path = bc_sockaddr_path(address);
	int ret = 0;

	if (bind(fd, (const struct sockaddr *)&address->storage,
		 address->length) < 0)
		return -errno;
	if (path)
		ret = grant(path, options, file);
	if (ret == 0 && listen(fd, BC_LISTENER_BACKLOG) < 0)
		ret = -errno;
	if (ret < 0 && path)
		bc_unix_listener_remove(address, file);
	return ret;
}

static int take_path(int fd, const struct bc_sockaddr *address,
		     const struct bc_unix_listener_options *options,
		     bool patient, struct bc_unix_file *file)
{
	int lock = lock_directory(bc_sockaddr_path(address));
	int ret;

	if (lock == -EAGAIN && patient)
		return -EADDRINUSE;
	ret = bind_and_listen(fd, address, options, file);
	if (ret == -EADDRINUSE) {
		ret = clear_way(address);
		if (ret == 0)
			ret = bind_and_listen(fd, address, options, file);
	}
	if (lock >= 0)
		(void)close(lock);
	return ret;
}

int bc_unix_listener_open(const struct bc_sockaddr *address,
			  const struct bc_unix_listener_options *options,
			  struct bc_unix_file *file)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
	unsigned attempts = ATTEMPTS + options->extra_wait_ms / PAUSE_MS;
	bool abstract = bc_sockaddr_path(address) == NULL;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	*file = (struct bc_unix_file){0};
	for (unsigned attempt = 0;; attempt++) {
		if (abstract)
			ret = bind_and_listen(fd, address, options, file);
		else
			ret = take_path(fd, address, options,
					attempt < LOCK_ATTEMPTS, file);
		if (ret != -EADDRINUSE || attempt == attempts)
			break;
		(void)nanosleep(&pause, NULL);
	}
	if (ret == 0)
		return fd;
	(void)close(fd);
	return ret;
}

void bc_unix_listener_remove(const struct bc_sockaddr *address,
			     const struct bc_unix_file *file)
{
	const char *path = bc_sockaddr_path(address);
	struct stat now;

	if (path && file->inode != 0 && lstat(path, &now) == 0 &&
	    now.st_dev == file->device && now.st_ino == file->inode)
		(void)unlink(path);
}
