/* cli/plan_folder.c - see plan_folder.h. */
#include "cli/plan_folder.h"

#include "cli/hold_signals.h"
#include "config/state_folder.h"
#include "model/deployment.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#define PLANS "plans"

static void sweep_one(int plans_fd, const char *name)
{
	AUTO_FD int fd = openat(plans_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct err unsaid = ERR_INIT; /* the next one tries again */

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)fs_remove_tree(plans_fd, name, &unsaid);
}

void plan_folder_sweep(const char *state_dir)
{
	AUTO_FREE char *path = xasprintf("%s/" PLANS, state_dir);
	AUTO_DIR DIR *dir = opendir(path);

	for (const struct dirent *e; dir && (e = readdir(dir));)
		if (!strncmp(e->d_name, "d-", 2))
			sweep_one(dirfd(dir), e->d_name);
}

static int make_parent(const char *state_dir, struct plan_folder *f, struct err *err)
{
	AUTO_FREE char *plans = xasprintf("%s/" PLANS, state_dir);

	if (state_folder_make(state_dir, err) < 0 || fs_make_path(plans, 0700, err) < 0)
		return -1;
	f->parent_fd = fs_open_dir(plans, err);
	return f->parent_fd < 0 ? -1 : 0;
}

int plan_folder_open(const char *state_dir, struct plan_folder *out, struct err *err)
{
	AUTO_FREE char *name = deployment_id_new("");

	*out = (struct plan_folder){ .fd = -1, .parent_fd = -1 };
	hold_signals(&out->before);
	plan_folder_sweep(state_dir);
	if (make_parent(state_dir, out, err) < 0)
		return -1;
	if (fs_mkdir(out->parent_fd, name, 0700) < 0)
		return err_sys(err, "making a folder below '%s/" PLANS "'", state_dir);
	out->path = xasprintf("%s/" PLANS "/%s", state_dir, name);
	out->name = TAKE_PTR(name);
	out->fd = openat(out->parent_fd, out->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out->fd < 0 || flock(out->fd, LOCK_SH) < 0)
		return err_sys(err, "opening '%s'", out->path);
	return 0;
}

int plan_folder_done(struct plan_folder *f, struct err *err)
{
	int r = f->name ? fs_remove_tree(f->parent_fd, f->name, err) : 0;

	auto_closep(&f->fd);
	auto_closep(&f->parent_fd);
	free(f->path);
	free(f->name);
	(void)sigprocmask(SIG_SETMASK, &f->before, NULL);
	*f = (struct plan_folder){ .fd = -1, .parent_fd = -1 };
	return r;
}
