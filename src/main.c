/* SPDX-License-Identifier: MIT */
/* main.c - bcastd: read the options, start, serve, stop. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "src/config_load.h"
#include "src/last_words.h"
#include "src/log.h"
#include "src/loop.h"
#include "src/reload.h"
#include "src/signals.h"
#include "src/start.h"
#include "src/successor.h"

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

static int start_log(const struct config *config)
{
	const struct log_options options = {
		.level = config->log_level,
		.format = config->log_format,
		.time = config->log_time,
		.file = config->log_file,
		.rotate_bytes = config->log_rotate_bytes,
		.keep = config->log_keep,
		.rate = config->log_rate,
	};
	int ret = log_start(&options);

	if (ret == 0)
		return 0;
	log_event(LOG_LEVEL_ERROR, "start_failed",
		  "error=\"no thread for the log: %s\"", strerror(-ret));
	return EX_OSERR;
}

static int serve(const struct config *config, struct reload *reload)
{
	static struct daemon daemon;
	int ret;

	last_words_open();
	ret = daemon_start(&daemon, config);
	if (ret != 0)
		return ret;
	daemon.reload = reload;
	ret = loop_run(&daemon);
	/* all of it belongs to another process now: upgrade.h */
	if (daemon.phase == DAEMON_GIVEN)
		return ret;
	daemon_stop(&daemon);
	log_event(LOG_LEVEL_INFO, "stopped", "name=%s", config->name);
	return ret;
}

static int run(const struct config *config, struct settings *settings, int argc,
	       char *argv[])
{
	struct reload *reload;
	int ret;

	successor_remember(argv);
	signals_open();
	ret = start_log(config);
	if (ret == 0) {
		reload = reload_open(config, settings, argc, argv);
		ret = serve(config, reload);
		reload_close(reload);
	}
	log_stop();
	return ret;
}

int main(int argc, char *argv[])
{
	static struct settings settings;
	struct config config;
	int ret;

	keep_standard_descriptors();
	ret = config_load(&config, &settings, argc, argv, stdout, stderr);
	if (ret == CONFIG_DONE)
		ret = fflush(stdout) == 0 ? EX_OK : EX_IOERR;
	else if (ret != CONFIG_RUN)
		ret = config_exit_code(ret);
	else
		ret = run(&config, &settings, argc, argv);
	settings_fini(&settings);
	return ret;
}
