/* SPDX-License-Identifier: MIT */
/* main.c - bcastd: read the options, start, serve, stop. */
#include <fcntl.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "src/config.h"
#include "src/log.h"
#include "src/loop.h"
#include "src/signals.h"
#include "src/start.h"

/* A socket must not become standard error: keep 0 to 2 taken. */
static void keep_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

int main(int argc, char *argv[])
{
	static struct daemon daemon;
	struct config config;
	int ret;

	keep_standard_descriptors();
	ret = config_parse(&config, argc, argv, stdout, stderr);
	if (ret == CONFIG_DONE)
		return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
	if (ret != CONFIG_RUN)
		return EX_USAGE;
	log_open(config.log_level);
	signals_open();
	ret = daemon_start(&daemon, &config);
	if (ret != 0)
		return ret;
	ret = loop_run(&daemon);
	daemon_stop(&daemon);
	log_event(LOG_LEVEL_INFO, "stopped", "name=%s", config.name);
	return ret;
}
