/* cli/private_folder.c - see private_folder.h. */
#include "cli/private_folder.h"

#include "cli/hold_signals.h"
#include "model/deployment.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <stdlib.h>

#define REMOVE_TRIES 5

int private_folder_open(mode_t mode, struct private_folder *out, struct err *err)
{
	const char *asked = getenv("TMPDIR"), *place = asked && *asked ? asked : "/tmp";
	AUTO_FREE char *parent = realpath(place, NULL);
	AUTO_FREE char *id = deployment_id_new("");
	AUTO_FREE char *name = xasprintf("slipway-%s", id);

	*out = (struct private_folder){ .parent_fd = -1 };
	hold_signals(&out->before);
	if (!parent)
		return err_sys(err, "opening folder '%s'", place);
	out->parent_fd = fs_open_dir(parent, err);
	if (out->parent_fd < 0)
		return -1;
	if (fs_mkdir(out->parent_fd, name, 0700) < 0)
		return err_sys(err, "making a folder below '%s' (TMPDIR names another one)", parent);
	out->path = xasprintf("%s/%s", parent, name);
	out->name = TAKE_PTR(name);
	if (mode != 0700 && fs_chmod_at(out->parent_fd, out->name, mode) < 0) /* whatever the umask is */
		return err_sys(err, "setting the mode of '%s'", out->path);
	return 0;
}

/* Somebody may still be writing there. */
static int remove_folder(const struct private_folder *f, struct err *err)
{
	int r = -1;

	for (int i = 0; r < 0 && i < REMOVE_TRIES; i++) {
		*err = ERR_INIT;
		r = fs_remove_tree(f->parent_fd, f->name, err);
	}
	return r;
}

int private_folder_done(struct private_folder *f, bool keep, struct err *err)
{
	int r = f->name && !keep ? remove_folder(f, err) : 0;

	auto_closep(&f->parent_fd);
	free(f->path);
	free(f->name);
	(void)sigprocmask(SIG_SETMASK, &f->before, NULL);
	*f = (struct private_folder){ .parent_fd = -1 };
	return r;
}
