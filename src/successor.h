/* SPDX-License-Identifier: MIT */
/*
 * successor.h - SIGUSR2: start the program anew, to take over from us.
 *
 * A hot upgrade needs somebody who starts `bcastd --takeover` (upgrade.h).
 * Under a service manager that can only be the daemon itself: its child is in
 * the service's control group, has its user, its limits and its NOTIFY_SOCKET,
 * and all that the unit has taken away is taken away from it, too. The program
 * is found by the path it was started by, so it is the new one if that has been
 * replaced meanwhile.
 *
 * If the child cannot take over it says so and ends, and we go on.
 */
#ifndef SRC_SUCCESSOR_H
#define SRC_SUCCESSOR_H

/* successor_remember - our command line. It stays the caller's, for good. */
void successor_remember(char *const argv[]);

/*
 * successor_start - with the same options and --takeover. Says so in the log.
 */
void successor_start(void);

#endif
