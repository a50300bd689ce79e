/* cli/unpacked.c - a private folder, a worker, and away with it. */
#include "cli/unpacked.h"

#include "bundle/unpack.h"
#include "format/plain.h"
#include "model/deployment.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"
#include "worker/worker_spawn.h"

#include <fcntl.h>
#include <stdlib.h>

static void hold_signals(sigset_t *before)
{
	sigset_t wanted;

	(void)sigemptyset(&wanted);
	(void)sigaddset(&wanted, SIGINT);
	(void)sigaddset(&wanted, SIGTERM);
	(void)sigaddset(&wanted, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &wanted, before); /* can only fail for a wrong first argument */
}

/* What a host's configuration says without being asked; the caller's are the paths. */
static void default_limits(struct unpack_request *r)
{
	AUTO(settings_done) struct settings s = { 0 };

	settings_defaults(&s, "/");
	r->max_entries = s.max_entries;
	r->max_bytes = s.max_unpacked_bytes;
	r->max_ratio = s.max_ratio;
}

static int make_folder(const char *parent, struct unpacked *u, struct err *err)
{
	AUTO_FREE char *id = deployment_id_new("");

	u->parent_fd = fs_open_dir(parent, err);
	if (u->parent_fd < 0)
		return -1;

	AUTO_FREE char *name = xasprintf("slipway-%s", id);

	if (fs_mkdir(u->parent_fd, name, 0700) < 0)
		return err_sys(err, "making a folder below '%s' (TMPDIR names another one)", parent);
	u->name = TAKE_PTR(name);
	return 0;
}

static int take_answer(struct unpacked *u, struct err *err)
{
	const struct worker_end *end = &u->end;
	AUTO_FREE char *within = xasprintf("%s/" UNPACK_FOLDER, u->name);

	if (end->signal)
		return err_set(err, ERR_STOPPED, "stopped");
	if (!end->has_result)
		return err_set(err, ERR_UNREACHABLE, "the worker went away without an answer: %s", end->how);
	if (end->unpacked.kind == ERR_BUNDLE)
		return 0;
	if (end->unpacked.kind)
		return err_set(err, end->unpacked.kind, "%s", end->unpacked.message);
	u->fd = fs_open_beneath(u->parent_fd, within, O_RDONLY | O_DIRECTORY, 0);
	return u->fd < 0 ? err_sys(err, "opening the unpacked bundle") : 0;
}

int unpacked_open(const char *path, struct unpacked *out, struct err *err)
{
	const char *asked = getenv("TMPDIR");
	AUTO(unpack_request_done) struct unpack_request r = { 0 };
	AUTO_FREE char *parent = realpath(asked && *asked ? asked : "/tmp", NULL);
	AUTO_FREE char *worker = NULL;

	*out = (struct unpacked){ .fd = -1, .parent_fd = -1 };
	hold_signals(&out->before);
	if (!parent)
		return err_sys(err, "opening folder '%s'", asked && *asked ? asked : "/tmp");
	if (worker_find(&worker, err) < 0 || make_folder(parent, out, err) < 0)
		return -1;
	default_limits(&r);
	r.location = realpath(path, NULL);
	if (!r.location)
		return err_sys(err, "opening '%s'", path);
	r.folder = xasprintf("%s/%s", parent, out->name);
	if (worker_unpack(worker, &r, &out->end, err) < 0)
		return -1;
	return take_answer(out, err);
}

void unpacked_done(struct unpacked *u)
{
	struct err err = ERR_INIT;

	auto_closep(&u->fd);
	if (u->name && fs_remove_tree(u->parent_fd, u->name, &err) < 0) {
		AUTO_FREE char *why = plain_text(err.msg, sizeof(err.msg));

		(void)fprintf(stderr, "slipway: what was unpacked could not be removed: %s\n", why);
	}
	auto_closep(&u->parent_fd);
	free(u->name);
	worker_end_done(&u->end);
	(void)sigprocmask(SIG_SETMASK, &u->before, NULL);
}
