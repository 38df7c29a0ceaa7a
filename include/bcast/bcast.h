/* SPDX-License-Identifier: MIT */
/*
 * bcast.h - a stream in shared memory: read it, write it, meet who else does.
 *
 * One stream in, every consumer out, from the same bytes. They stand in a ring
 * buffer in a named POSIX shared-memory segment, /dev/shm/bcast.NAME, which
 * bcastd makes, fills from a TCP sender, and sends to TCP receivers. A process
 * on the same machine reads them there, in place: no socket, no copy, no system
 * call while data keeps coming. It can also write them there.
 *
 *	reader.h	read the stream. Needs read permission only, writes
 *			nothing, and can harm or delay nobody, however slow,
 *			stopped or dead it is
 *	packet.h	the record of a stream of packets
 *	publisher.h	write the stream, in the place of a TCP sender. Needs
 *			write permission, and a node
 *	node.h		be known by an id, see the others; let the writer wait
 *	message.h	send the others messages
 *	base.h		what these share: results, limits, the version
 *	monitor.h	look at a stream from outside (not included here)
 *	client.h	all of it, and the same over TCP (not included here)
 *
 * The programs below are whole: a reader, a publisher, and a node with an
 * inbox. When one ends, the kernel gives back whatever it had open. Each is
 * built with cc x.c $(pkg-config --cflags --libs bcast)
 *
 * A reader: all that comes, to standard output.
 *
 *	#include <bcast/bcast.h>
 *	#include <stdio.h>
 *
 *	int main(void)
 *	{
 *		static char bytes[65536];
 *		struct bcast_reader *reader;
 *		int64_t n = bcast_attach("default", NULL, &reader);
 *
 *		while (n >= 0 || n == BCAST_ELAPPED) { // see bcast_loss()
 *			n = bcast_read(reader, bytes, sizeof(bytes));
 *			if (n > 0)
 *				fwrite(bytes, 1, (size_t)n, stdout);
 *			else if (n == 0)
 *				n = bcast_wait(reader, -1);
 *		}
 *		fprintf(stderr, "%s\n", bcast_strerror((int)n));
 *	}
 *
 * A publisher: each line of standard input.
 *
 *	#include <bcast/bcast.h>
 *	#include <stdio.h>
 *	#include <string.h>
 *
 *	int main(void)
 *	{
 *		char line[1024];
 *		struct bcast_node *node;
 *		struct bcast_publisher *publisher;
 *		int n = bcast_join("default", "lines", NULL, &node);
 *
 *		if (n == 0)
 *			n = bcast_publisher_open(node, NULL, &publisher);
 *		while (n == 0 && fgets(line, sizeof(line), stdin))
 *			n = bcast_publish(publisher, line, strlen(line));
 *		fprintf(stderr, "%s\n", bcast_strerror(n));
 *	}
 *
 * A node that sends back whatever it is sent.
 *
 *	#include <bcast/bcast.h>
 *	#include <stdio.h>
 *
 *	static int echo(void *node, const struct bcast_message *message)
 *	{
 *		bcast_send(node, message->from, message->type, message->data,
 *			   message->size, 100);
 *		return 0;
 *	}
 *
 *	int main(void)
 *	{
 *		struct bcast_node *node;
 *		int n = bcast_join("default", "echo", NULL, &node);
 *
 *		while (n >= 0)
 *			n = bcast_dispatch(node, echo, node, 64, -1);
 *		fprintf(stderr, "%s\n", bcast_strerror(n));
 *	}
 *
 * POSITIONS. Every byte of a stream has a position: the count of bytes before
 * it since the stream was born. Positions are 64 bits wide and never wrap.
 * (epoch, position) names a byte for ever; the epoch is a random number drawn
 * at the stream's birth. The ring keeps the newest `capacity` bytes, less
 * what the writer may be overwriting at the moment: up to 1 MiB if that is the
 * daemon, a 64th of the ring if it is a local publisher.
 *
 * LAPPED. The writer never waits for a reader, unless that is a node's and
 * asks for it (bcast_gate()). One that falls more than the ring behind has been
 * lapped: it is told so (BCAST_ELAPPED) together with the exact bytes that it
 * lost, and goes on further ahead. Because data is used in place, the writer
 * may overtake a reader in the middle of its use; that is why bcast_consume()
 * checks again, after the use. Until it has returned 0, treat what was read as
 * possibly torn: never act on a length or an index found in it without a bound.
 * bcast_read() copies and checks in one step.
 *
 * THE END. When the daemon stops in order, readers get all bytes up to the
 * last, then BCAST_ECLOSED. When it dies, readers get all bytes that it had
 * published, then, after `gone_after_ms`, BCAST_EABANDONED. A daemon that is
 * started again takes the same segment over: readers just read on, at the same
 * positions, and one that was told BCAST_EABANDONED may go on as well. If it
 * cannot take it over, they are told BCAST_ECLOSED. Deaths and ends are found
 * by looking at the state of the segment and at a lock that the kernel drops
 * when its holder dies; no process id is ever guessed at. What a local
 * publisher does is told apart from this: its end is no end of the stream.
 *
 * TRUST. A reader trusts the stream's owner not to truncate the segment: that
 * would be SIGBUS, here as with any shared mapping. Nobody who has only read
 * permission can do it, and a segment that all may write to is refused; whose
 * it is says bcast_owner_uid(). All else found there is checked before it is
 * used.
 *
 * THREADS. A handle belongs to one thread at a time. Any number of handles, in
 * any number of processes, may read one stream. After fork() only one of the
 * two processes may go on using a handle. No function prints, exits, installs
 * a signal handler or starts a thread, but for bcast_event_fd(), whose thread
 * takes no signals; all are safe against signals arriving (a signal does not
 * end a wait early).
 *
 * RESULTS. A negative int is -errno, or one of enum bcast_error below -4095;
 * bcast_strerror() knows both. Pass errors on as they are: errno is not used.
 */
#ifndef BCAST_BCAST_H
#define BCAST_BCAST_H

#include <bcast/base.h>
#include <bcast/message.h>
#include <bcast/node.h>
#include <bcast/packet.h>
#include <bcast/publisher.h>
#include <bcast/reader.h>

#endif
