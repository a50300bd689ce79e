/* cli/doctor_state.c - the state folder: is it there, who may write to it, is there room? */
#include "cli/doctor.h"
#include "config/state_folder.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define LITTLE_BYTES  (UINT64_C(500) << 20) /* a warning below it */
#define NO_BYTES      (UINT64_C(20) << 20)  /* nothing can be deployed */
#define LITTLE_INODES 10000
#define NO_INODES     500

/* What belongs to the agent, and what others may do with it at most (PRODUCT section 2). */
static const struct {
	const char *name; /* below the state folder */
	mode_t mode;
} places[] = { { "", STATE_FOLDER_MODE }, { "/state.db", 0600 }, { "/deployment-root", 0755 } };

static void check_place(struct doctor *d, const char *path, const struct stat *st, mode_t mode)
{
	AUTO_FREE char *word = plain_shell_word(path);
	AUTO_FREE char *chmod_it = xasprintf("chmod %o %s", mode, word);
	AUTO_FREE char *chown_it = xasprintf("chown root:root %s", word);
	mode_t is = st->st_mode & 07777;

	if (st->st_uid != 0 && st->st_uid != geteuid())
		doctor_say(d, DOCTOR_ERROR, "state", chown_it, "'%s' belongs to user %u", path, st->st_uid);
	else if (is & ~mode & 0022)
		doctor_say(d, DOCTOR_ERROR, "state", chmod_it, "'%s' has mode %04o: others may write to it", path, is);
	else if (is & ~mode & 0777)
		doctor_say(d, DOCTOR_WARNING, "state", chmod_it, "'%s' has mode %04o: others may read too much", path,
			   is);
}

static void check_places(struct doctor *d, const char *dir)
{
	size_t before = d->count[DOCTOR_OK] + d->count[DOCTOR_WARNING] + d->count[DOCTOR_ERROR];
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		AUTO_FREE char *path = xasprintf("%s%s", dir, places[i].name);

		if (stat(path, &st) == 0)
			check_place(d, path, &st, places[i].mode);
	}
	if (d->count[DOCTOR_OK] + d->count[DOCTOR_WARNING] + d->count[DOCTOR_ERROR] == before)
		doctor_say(d, DOCTOR_OK, "state", NULL, "'%s', its owner and modes are right", dir);
}

static void check_bytes(struct doctor *d, const char *dir, const struct statvfs *fs)
{
	uint64_t left = (uint64_t)fs->f_bavail * fs->f_frsize;
	enum doctor_level level = left < NO_BYTES ? DOCTOR_ERROR : left < LITTLE_BYTES ? DOCTOR_WARNING : DOCTOR_OK;
	char text[32];

	output_format_bytes(left, text);
	doctor_say(d, level, "space", level ? "slipway prune, or a smaller 'max_revisions:'" : NULL, "%s free at '%s'",
		   text, dir);
}

/* Some file systems count no inodes. */
static void check_inodes(struct doctor *d, const char *dir, const struct statvfs *fs)
{
	enum doctor_level level = fs->f_favail < NO_INODES	 ? DOCTOR_ERROR
				  : fs->f_favail < LITTLE_INODES ? DOCTOR_WARNING
								 : DOCTOR_OK;

	if (!fs->f_files)
		return;
	doctor_say(d, level, "inodes", level ? "slipway prune, or a smaller 'max_revisions:'" : NULL,
		   "%llu free at '%s'", (unsigned long long)fs->f_favail, dir);
}

static void check_space(struct doctor *d, const char *dir)
{
	struct statvfs fs;

	if (statvfs(dir, &fs) < 0) {
		doctor_say(d, DOCTOR_ERROR, "space", NULL, "'%s' cannot be looked at: %s", dir, strerrordesc_np(errno));
		return;
	}
	if (fs.f_flag & ST_RDONLY)
		doctor_say(d, DOCTOR_ERROR, "space", "dmesg may say why; mount it for writing",
			   "the file system of '%s' is read-only", dir);
	check_bytes(d, dir, &fs);
	check_inodes(d, dir, &fs);
}

void doctor_state(struct doctor *d)
{
	struct err err = ERR_INIT;

	if (access(d->config->state_dir, F_OK) < 0) {
		if (config_check_writable(d->config, &err) < 0)
			doctor_say(d, DOCTOR_WARNING, "state", NULL, "%s", err.msg);
		else
			doctor_say(d, DOCTOR_OK, "state", NULL, "'%s' will be made by the first deployment",
				   d->config->state_dir);
		return;
	}
	check_places(d, d->config->state_dir);
	check_space(d, d->config->state_dir);
}
