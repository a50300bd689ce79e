/* lifecycle/descendants.c - who is whose child, by one walk over /proc. */
#include "lifecycle/descendants.h"

#include "util/auto.h"
#include "util/proc.h"
#include "util/str.h"

#include <errno.h>
#include <signal.h>
#include <sys/pidfd.h>

struct process {
	pid_t pid;
	struct proc_kin kin;
	bool counts; /* it is one of those that were looked for */
};

struct census {
	struct process *list;
	size_t count, room;
};

static void census_done(struct census *c)
{
	free(c->list);
}

static bool take_down(void *context, pid_t pid, int dir_fd)
{
	struct census *c = context;
	struct process p = { .pid = pid };

	if (!proc_kin_of(dir_fd, &p.kin))
		return true;
	if (c->count == c->room) {
		c->room = c->room ? 2 * c->room : 256;
		c->list = xrealloc(c->list, c->room * sizeof(*c->list));
	}
	c->list[c->count++] = p;
	return true;
}

static bool is_older(const struct descendants *d, pid_t pid)
{
	for (size_t i = 0; i < d->older_count; i++)
		if (d->older[i] == pid)
			return true;
	return false;
}

static bool is_child_of_one(const struct census *c, pid_t parent)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->list[i].pid == parent)
			return c->list[i].counts;
	return false;
}

static bool belongs(const struct descendants *d, const struct census *c, const struct process *p)
{
	if (d->group && p->kin.group == d->group)
		return true;
	if (p->kin.parent == d->reaper)
		return d->reaper && !is_older(d, p->pid);
	return is_child_of_one(c, p->kin.parent);
}

/* Children may be listed before their parents: again until nobody is added. */
static void look(const struct descendants *d, struct census *c)
{
	bool more = true;

	proc_each(take_down, c);
	while (more) {
		more = false;
		for (size_t i = 0; i < c->count; i++) {
			struct process *p = &c->list[i];

			if (p->counts || !belongs(d, c, p))
				continue;
			p->counts = more = true;
		}
	}
}

void descendants_note_older(struct descendants *d, pid_t reaper)
{
	ssize_t n = proc_children(reaper, d->older, DESCENDANTS_MAX_OLDER);

	d->reaper = n < 0 ? 0 : reaper;
	d->older_count = n < 0 ? 0 : (size_t)n;
}

size_t descendants_count(const struct descendants *d)
{
	AUTO(census_done) struct census c = { .list = NULL };
	size_t n = 0;

	look(d, &c);
	for (size_t i = 0; i < c.count; i++)
		n += c.list[i].counts && !c.list[i].kin.zombie;
	return n;
}

/* The number may have come to mean another process since it was read, but then that has another parent. */
static int signal_one(const struct process *p, int signal)
{
	AUTO_FD int pidfd = pidfd_open(p->pid, 0);
	struct proc_kin now;

	if (pidfd < 0 || !proc_kin(p->pid, &now) || now.parent != p->kin.parent)
		return 0;
	return pidfd_send_signal(pidfd, signal, NULL, 0) < 0 && errno != ESRCH ? errno : 0;
}

int descendants_signal(const struct descendants *d, int signal)
{
	AUTO(census_done) struct census c = { .list = NULL };
	int failed = 0;

	if (d->group && kill(-d->group, signal) < 0 && errno != ESRCH)
		failed = errno;
	look(d, &c);
	for (size_t i = 0; i < c.count; i++) {
		const struct process *p = &c.list[i];
		int error = p->counts && !p->kin.zombie && p->kin.group != d->group ? signal_one(p, signal) : 0;

		failed = failed ? failed : error;
	}
	return failed;
}
