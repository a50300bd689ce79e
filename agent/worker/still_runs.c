/* worker/still_runs.c - the results of one group, looked through. */
#include "worker/still_runs.h"

#include "util/auto.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

static bool read_result(int dir_fd, const char *name, struct deployment_result *out)
{
	AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && group_read_result(fd, out);
}

/* Did an event begin? A failed preflight has touched nothing. */
static bool went_past_preflight(const struct deployment_result *r)
{
	for (size_t i = 0; i < r->event_count; i++)
		if (r->events[i].started_at_ms)
			return true;
	return false;
}

static bool may_have_stopped_it(const struct deployment_result *r)
{
	const struct restore_result *back = &r->restore;

	return r->status != DEPLOYMENT_SUCCEEDED && went_past_preflight(r) &&
	       !(back->tried && back->files && back->started && back->validated);
}

static bool had_event(const struct deployment_result *r, const char *event)
{
	for (size_t i = 0; i < r->event_count; i++)
		if (!strcmp(r->events[i].event, event))
			return true;
	return false;
}

static bool had_all(const struct deployment_result *r, const char *const *order)
{
	for (; *order; order++)
		if (!had_event(r, *order))
			return false;
	return true;
}

bool still_runs(const struct group *g, const char *revision, const char *const *order)
{
	AUTO(deployment_result_done) struct deployment_result own = { 0 };
	int fd = openat(g->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool runs = dir && read_result(AT_FDCWD, revision, &own) && own.status == DEPLOYMENT_SUCCEEDED &&
		    had_all(&own, order);

	if (!dir)
		auto_closep(&fd);
	for (const struct dirent *e; runs && (e = readdir(dir));) {
		AUTO(deployment_result_done) struct deployment_result r = { 0 };

		if (e->d_name[0] != '.' && read_result(g->fd, e->d_name, &r))
			runs = r.finished_at_ms < own.finished_at_ms || !may_have_stopped_it(&r);
	}
	return runs;
}
