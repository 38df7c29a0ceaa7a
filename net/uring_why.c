/* SPDX-License-Identifier: MIT */
/* uring_why.c - see uring_why.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "net/uring_why.h"

#define PATH_BYTES 512

/* ---- What the system says ---------------------------------------------- */

static FILE *open_below(const char *root, const char *what)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s%s", root, what);
	return fopen(path, "re");
}

static int read_sysctl(const char *root)
{
	FILE *file = open_below(root, "/proc/sys/kernel/io_uring_disabled");
	int disabled = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%d", &disabled) != 1)
		disabled = 0;
	(void)fclose(file);
	return disabled;
}

/* A filter that is in force is the most likely culprit. */
static bool is_filtered(const char *root)
{
	FILE *file = open_below(root, "/proc/self/status");
	char line[256];
	int mode = 0;

	if (!file)
		return false;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Seccomp: %d", &mode) == 1)
			break;
	(void)fclose(file);
	return mode != 0;
}

void bc_uring_why_read(const char *root, struct bc_uring_setting *setting)
{
	struct utsname kernel = {0};

	(void)uname(&kernel);
	*setting = (struct bc_uring_setting){
		.disabled = read_sysctl(root),
		.filtered = is_filtered(root),
	};
	(void)snprintf(setting->release, sizeof(setting->release), "%.64s",
		       kernel.release);
}

/* ---- What that means --------------------------------------------------- */

bool bc_uring_why_is_old(const char *release)
{
	int major = 0, minor = 0;

	(void)sscanf(release, "%d.%d", &major, &minor);
	return major < 6 || (major == 6 && minor < 1);
}

enum bc_uring_cause bc_uring_why_judge(int error,
				       const struct bc_uring_setting *setting)
{
	if (error == -EPERM || error == -EACCES) {
		if (setting->disabled > 0)
			return BC_URING_SYSCTL;
		return setting->filtered ? BC_URING_FILTERED
					 : BC_URING_FORBIDDEN;
	}
	if (error == -ENOSYS || error == -EINVAL) {
		if (bc_uring_why_is_old(setting->release))
			return BC_URING_OLD;
		return setting->filtered ? BC_URING_FILTERED
					 : BC_URING_LEFT_OUT;
	}
	if (error == -ENOMEM)
		return BC_URING_LOCKED;
	if (error == -EMFILE || error == -ENFILE)
		return BC_URING_DESCRIPTORS;
	return BC_URING_OTHER;
}

static const char *explain_filtered(int error)
{
	if (error == -EPERM || error == -EACCES)
		return "io_uring is denied, most likely by a container's "
		       "seccomp profile: allow io_uring_setup, "
		       "io_uring_enter and io_uring_register in it";
	return "io_uring is hidden, most likely by a container's seccomp "
	       "profile: allow io_uring_setup, io_uring_enter and "
	       "io_uring_register in it";
}

static void explain(int error, const struct bc_uring_setting *setting,
		    char *why, size_t size)
{
	switch (bc_uring_why_judge(error, setting)) {
	case BC_URING_SYSCTL:
		snprintf(why, size,
			 "the sysctl kernel.io_uring_disabled is %d: set it "
			 "to 0, or put the daemon's group into "
			 "kernel.io_uring_group and set it to 1",
			 setting->disabled);
		break;
	case BC_URING_FILTERED:
		snprintf(why, size, "%s", explain_filtered(error));
		break;
	case BC_URING_FORBIDDEN:
		snprintf(why, size,
			 "io_uring is denied, most likely by a security module "
			 "(SELinux, AppArmor): allow it for bcastd");
		break;
	case BC_URING_OLD:
		snprintf(why, size,
			 "the io_uring of Linux %.32s is missing or too old: "
			 "Linux 6.1 or newer is needed",
			 setting->release);
		break;
	case BC_URING_LEFT_OUT:
		snprintf(why, size,
			 "this kernel, Linux %.32s, was built without io_uring "
			 "(CONFIG_IO_URING), or with less of it than is needed",
			 setting->release);
		break;
	case BC_URING_LOCKED:
		snprintf(why, size,
			 "not enough memory may be locked for io_uring: raise "
			 "the limit (ulimit -l, LimitMEMLOCK=)");
		break;
	case BC_URING_DESCRIPTORS:
		snprintf(why, size,
			 "too many open files: raise ulimit -n (LimitNOFILE=) "
			 "or fs.file-max");
		break;
	case BC_URING_OTHER:
		snprintf(why, size, "io_uring cannot be set up: %s",
			 strerror(-error));
		break;
	}
}

void bc_uring_why_explain(int error, char *why, size_t size)
{
	struct bc_uring_setting setting;

	bc_uring_why_read("", &setting);
	explain(error, &setting, why, size);
}
