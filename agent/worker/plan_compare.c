/* worker/plan_compare.c - two ids side by side, and what is new here. */
#include "worker/plan_compare.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"
#include "worker/group.h"
#include "worker/host_scripts.h"

#include <string.h>
#include <time.h>

#define HALF	    15 /* bytes up to the host's digits: "p-BBBBBBBBBBBB-" */
#define NS_PER_MS   1000000
#define NS_PER_S    INT64_C(1000000000)
#define TIME_SIZE   32
#define MAX_MESSAGE 65536

struct news { /* of the host, as far as the disk tells them */
	const struct plan *plan;
	uint32_t newest, gone; /* nodes; TREE_NONE */
	int64_t newest_ns;     /* since 1970: what is older than this is nothing new */
	char *script;	       /* of the host: newer than the newest node; NULL: there is none */
};

static void news_done(struct news *w)
{
	free(w->script);
}

static void time_text(int64_t ns, char out[TIME_SIZE])
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(out, TIME_SIZE, "%FT%TZ", &tm))
		out[0] = '\0';
}

/* A folder's times tell what others do in it. */
static int look_at(struct news *w, uint32_t node, struct err *err)
{
	const struct plan *p = w->plan;
	const struct plan_node *n = &p->nodes[node];
	struct disk_entry e;

	if (n->disk == DISK_ABSENT && n->flags & PLAN_OURS && n->old != TREE_NONE && w->gone == TREE_NONE)
		w->gone = node;
	if (n->disk == DISK_ABSENT || n->disk == DISK_DIRECTORY)
		return 0;

	AUTO_FREE char *dir = plan_path(p, n->parent);

	if (p->in.world->probe(p->in.world->context, dir, n->name, &e, err) < 0)
		return -1;
	if (e.kind != DISK_ABSENT && e.ctime_ns > w->newest_ns) {
		w->newest = node;
		w->newest_ns = e.ctime_ns;
	}
	return 0;
}

/* A folder of hooks is newer than these when one was taken away. */
static void look_at_script(void *context, const char *path, const struct stat *st)
{
	struct news *w = context;
	const bool folder = S_ISDIR(st->st_mode);
	const int64_t changed_ns = fs_nanoseconds(folder ? &st->st_mtim : &st->st_ctim);

	if (changed_ns <= w->newest_ns || (folder && w->script && str_starts(w->script, path)))
		return;
	free(w->script);
	w->script = xstrdup(path);
	w->newest_ns = changed_ns;
}

static int look_around(struct news *w, struct err *err)
{
	const struct plan *p = w->plan;

	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, true))
		if (p->nodes[i].real == i && plan_id_counts(&p->nodes[i]) && look_at(w, i, err) < 0)
			return -1;
	for (size_t i = 0; i < p->conflict_count; i++)
		if (look_at(w, p->conflicts[i].node, err) < 0)
			return -1;
	return 0;
}

/* When the revision in FOLDER was done being installed, since 1970; 0: nobody knows. */
static int64_t installed_ns(const char *folder)
{
	AUTO(deployment_result_done) struct deployment_result r = { 0 };
	struct err ignored = ERR_INIT; /* then it is not known */
	AUTO_FD int fd = folder ? fs_open_dir(folder, &ignored) : -1;

	return fd >= 0 && group_read_result(fd, &r) ? r.finished_at_ms * NS_PER_MS : 0;
}

static void tell_revision(const struct plan_basis *b, int64_t since_ns, struct str *text)
{
	const char *slash = b->previous ? strrchr(b->previous, '/') : NULL;
	char when[TIME_SIZE];

	time_text(since_ns, when);
	if (!slash)
		(void)str_printf(text, "nothing of group '%s' is installed", b->deployment->group);
	else
		(void)str_printf(text, "revision %s is in place%s%s", slash + 1, since_ns ? " since " : "",
				 since_ns ? when : "");
}

static void tell_paths(const struct news *w, struct str *text)
{
	char when[TIME_SIZE];

	if (w->script || w->newest != TREE_NONE) {
		AUTO_FREE char *path = w->script ? xstrdup(w->script) : plan_path(w->plan, w->newest);

		time_text(w->newest_ns, when);
		(void)str_printf(text, ", '%s' was changed at %s", path, when);
	}
	if (w->gone != TREE_NONE) {
		AUTO_FREE char *path = plan_path(w->plan, w->gone);

		(void)str_printf(text, ", '%s' is gone", path);
	}
}

static int host_changed(const struct plan_basis *b, const char *asked, struct err *err)
{
	AUTO(str_done) struct str text = STR_INIT(MAX_MESSAGE);
	int64_t since_ns = installed_ns(b->previous);
	AUTO(news_done) struct news news = { b->plan, TREE_NONE, TREE_NONE, since_ns, NULL };

	if (look_around(&news, err) < 0)
		return -1;
	host_scripts_each(b->deployment, b->order, look_at_script, &news);
	tell_revision(b, since_ns, &text);
	tell_paths(&news, &text);
	return err_set(err, ERR_PLAN_CHANGED,
		       "this host has changed since plan %s was made, or the plan was for another group or with other "
		       "options or settings: now %s",
		       asked, str_text(&text));
}

int plan_compare(const struct plan_basis *b, const char *asked, struct err *err)
{
	char now[PLAN_ID_SIZE];

	if (!asked)
		return 0;
	if (plan_id(b, now, err) < 0)
		return -1;
	if (!strcmp(asked, now))
		return 0;
	if (!strncmp(asked, now, HALF))
		return host_changed(b, asked, err);
	return err_set(
		err, ERR_PLAN_CHANGED,
		"the bundle is another one: '%s' has changed since plan %s was made, or it is not what was planned",
		b->deployment->revision.location, asked);
}
