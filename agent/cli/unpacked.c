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

/* What a host's configuration says without being asked; the caller's are the paths. */
static void default_limits(struct unpack_request *r)
{
	AUTO(settings_done) struct settings s = { 0 };

	settings_defaults(&s, "/");
	r->max_entries = s.max_entries;
	r->max_bytes = s.max_unpacked_bytes;
	r->max_ratio = s.max_ratio;
}

static int take_answer(struct unpacked *u, struct err *err)
{
	const struct worker_end *end = &u->end;
	AUTO_FREE char *within = xasprintf("%s/" UNPACK_FOLDER, u->folder.name);

	if (end->signal)
		return err_set(err, ERR_STOPPED, "stopped");
	if (!end->has_result)
		return err_set(err, ERR_UNREACHABLE, "the worker went away without an answer: %s", end->how);
	if (end->unpacked.kind == ERR_BUNDLE)
		return 0;
	if (end->unpacked.kind)
		return err_set(err, end->unpacked.kind, "%s", end->unpacked.message);
	u->fd = fs_open_beneath(u->folder.parent_fd, within, O_RDONLY | O_DIRECTORY, 0);
	return u->fd < 0 ? err_sys(err, "opening the unpacked bundle") : 0;
}

int unpacked_open(const char *path, struct unpacked *out, struct err *err)
{
	AUTO(unpack_request_done) struct unpack_request r = { 0 };
	AUTO_FREE char *worker = NULL;

	*out = (struct unpacked){ .fd = -1 };
	if (private_folder_open(0700, &out->folder, err) < 0 || worker_find(&worker, err) < 0)
		return -1;
	default_limits(&r);
	r.location = realpath(path, NULL);
	if (!r.location)
		return err_sys(err, "opening '%s'", path);
	r.folder = xstrdup(out->folder.path);
	if (worker_unpack(worker, &r, &out->end, err) < 0)
		return -1;
	return take_answer(out, err);
}

void unpacked_done(struct unpacked *u)
{
	struct err err = ERR_INIT;

	auto_closep(&u->fd);
	worker_end_done(&u->end);
	if (private_folder_done(&u->folder, false, &err) < 0) {
		AUTO_FREE char *why = plain_text(err.msg, sizeof(err.msg));

		(void)fprintf(stderr, "slipway: what was unpacked could not be removed: %s\n", why);
	}
}
