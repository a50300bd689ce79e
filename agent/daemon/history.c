/* daemon/history.c - walks the groups, remembers what need not be looked at again. */
#include "daemon/history.h"
#include "daemon/history_folder.h"
#include "format/json.h"
#include "format/plain.h"
#include "model/names.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

/* A folder that changed so short ago may change again without a new mtime: the kernel's clock ticks. */
#define FRESH_NS INT64_C(2000000000)

struct known_group {
	char *name;
	int64_t mtime_ns; /* of its folder when all of it was looked at; 0: look at all of it */
	char **open;	  /* ids to look at every time */
	size_t open_count;
	bool seen; /* by this scan */
};

struct history {
	struct db *db;
	char *root;
	struct known_group *groups;
	size_t count;
	size_t next; /* where the next group is likely to be: folders are listed in the same order each time */
};

struct scan {
	struct history *h;
	const struct history_watch *watch;
	bool changing; /* a transaction is open */
};

struct history *history_new(struct db *db, const char *deployment_root)
{
	struct history *h = xcalloc(1, sizeof(*h));

	h->db = db;
	h->root = xstrdup(deployment_root);
	return h;
}

static void close_all(struct known_group *g)
{
	for (size_t i = 0; i < g->open_count; i++)
		free(g->open[i]);
	free(g->open);
	g->open = NULL;
	g->open_count = 0;
}

static void known_done(struct known_group *g)
{
	close_all(g);
	free(g->name);
}

void history_free(struct history *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->count; i++)
		known_done(&h->groups[i]);
	free(h->groups);
	free(h->root);
	free(h);
}

void history_freep(struct history **h)
{
	history_free(*h);
}

static struct known_group *know(struct history *h, const char *name)
{
	for (size_t i = 0; i < h->count; i++) {
		size_t at = (h->next + i) % h->count;

		if (!strcmp(h->groups[at].name, name)) {
			h->next = at + 1;
			return &h->groups[at];
		}
	}
	h->groups = xrealloc(h->groups, (h->count + 1) * sizeof(*h->groups));
	h->groups[h->count] = (struct known_group){ .name = xstrdup(name) };
	return &h->groups[h->count++];
}

static void forget_unseen(struct history *h)
{
	for (size_t i = h->count; i-- > 0;)
		if (!h->groups[i].seen) {
			known_done(&h->groups[i]);
			h->groups[i] = h->groups[--h->count];
		}
}

/* Takes ID. */
static void keep_open(struct known_group *g, char *id)
{
	g->open = xrealloc(g->open, (g->open_count + 1) * sizeof(*g->open));
	g->open[g->open_count++] = id;
}

static void tell(const struct scan *s, const char *group, const char *text)
{
	AUTO_FREE char *shown = plain_path(group);
	AUTO_FREE char *line = xasprintf("history of group '%s': %s", shown, text);

	if (s->watch->trouble)
		s->watch->trouble(s->watch->context, line);
}

/* One group that cannot be read hides no other. 0. */
static int tell_why(const struct scan *s, const char *group, const char *doing)
{
	struct err err = ERR_INIT;

	(void)err_sys(&err, "%s", doing);
	tell(s, group, err.msg);
	return 0;
}

static int begin(struct scan *s, struct err *err)
{
	if (s->changing)
		return 0;
	if (db_begin(s->h->db, err) < 0)
		return -1;
	s->changing = true;
	return 0;
}

/* A token that another row has already is not worth losing the deployment. */
static int import(struct scan *s, struct db_row *row, struct err *err)
{
	int r = begin(s, err) < 0 ? -1 : db_insert(s->h->db, row, err);

	if (r || !row->token)
		return r < 0 ? -1 : 0;
	free(row->token);
	row->token = NULL;
	return db_insert(s->h->db, row, err) < 0 ? -1 : 0;
}

static int finish(struct scan *s, const struct db_row *row, struct err *err)
{
	if (begin(s, err) < 0)
		return -1;
	return db_finish(s->h->db, row->id, row->status, row->finished_at_ms, row->document, err) < 0 ? -1 : 0;
}

/* What the database has of a deployment. */
enum known { UNKNOWN, KNOWN_UNENDED, KNOWN_ENDED, KNOWN_NEEDS_RECOVERY };

static int take(struct scan *s, const char *group, enum folder_state state, struct folder_word *w, enum known known,
		struct err *err)
{
	const struct history_watch *watch = s->watch;
	bool old = known == KNOWN_NEEDS_RECOVERY && w->row.needs_recovery;

	if (state == FOLDER_UNENDED) {
		if (!known && import(s, &w->row, err) < 0)
			return -1;
		if (watch->unended)
			watch->unended(watch->context, group, w->row.id, w->pid);
		return 1;
	}
	if (state == FOLDER_DAMAGED && !known)
		return 0; /* there is nothing worth remembering */
	if (!old && (known ? finish(s, &w->row, err) : import(s, &w->row, err)) < 0)
		return -1;
	if (w->row.needs_recovery && watch->needs_recovery)
		watch->needs_recovery(watch->context, group, w->row.id);
	return w->row.needs_recovery;
}

/* -1, or one of enum known. */
static int look_up(struct db *db, const char *id, struct err *err)
{
	enum deployment_status status = DEPLOYMENT_QUEUED;
	bool needs_recovery = false;
	int r = db_find_status(db, id, &status, &needs_recovery, err);

	if (r <= 0)
		return r;
	if (status == DEPLOYMENT_QUEUED || status == DEPLOYMENT_IN_PROGRESS)
		return KNOWN_UNENDED;
	return needs_recovery ? KNOWN_NEEDS_RECOVERY : KNOWN_ENDED;
}

/* 1: to be looked at again the next time; 0: done with. */
static int look_at(struct scan *s, int group_fd, const char *group, const char *id, struct err *err)
{
	AUTO(folder_word_done) struct folder_word w = { 0 };
	struct err why = ERR_INIT;
	int known = look_up(s->h->db, id, err);

	if (known < 0)
		return -1;
	if (known == KNOWN_ENDED)
		return 0;

	enum folder_state state = history_folder_read(group_fd, group, id, &w, &why);

	if (state == FOLDER_DAMAGED || state == FOLDER_UNREADABLE)
		tell(s, group, why.msg);
	if (state == FOLDER_FOREIGN || state == FOLDER_UNREADABLE)
		return state == FOLDER_UNREADABLE;
	return take(s, group, state, &w, (enum known)known, err);
}

/* Those alone that may say something new without the folder of the group changing. */
static int look_again(struct scan *s, int group_fd, struct known_group *g, struct err *err)
{
	char **ids = g->open;
	size_t count = g->open_count;
	int r = 0;

	g->open = NULL;
	g->open_count = 0;
	for (size_t i = 0; i < count; i++) {
		r = r < 0 ? -1 : look_at(s, group_fd, g->name, ids[i], err);
		if (r > 0)
			keep_open(g, ids[i]);
		else
			free(ids[i]);
	}
	free(ids);
	return r < 0 ? -1 : 0;
}

/* 1: all of it; 0: not all could be listed, which was told. */
static int look_at_all(struct scan *s, int group_fd, struct known_group *g, struct err *err)
{
	int again = openat(group_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = again < 0 ? NULL : fdopendir(again);
	size_t count = 0;

	if (!dir)
		return tell_why(s, g->name, "listing it");
	close_all(g);
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(dir);

		if (!e)
			return errno ? tell_why(s, g->name, "listing it") : 1;
		if (e->d_name[0] == '.')
			continue;
		if (++count > HISTORY_MAX_FOLDERS) {
			tell(s, g->name, "it has too many folders; the rest is not looked at");
			return 1;
		}

		int r = look_at(s, group_fd, g->name, e->d_name, err);

		if (r < 0)
			return -1;
		if (r > 0)
			keep_open(g, xstrdup(e->d_name));
	}
}

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
	return fs_nanoseconds(&now);
}

static int look_at_group(struct scan *s, int root_fd, struct known_group *g, const struct stat *st, struct err *err)
{
	int64_t mtime_ns = fs_nanoseconds(&st->st_mtim), now = now_ns();
	bool same = g->mtime_ns == mtime_ns;

	g->seen = true;
	if (same && !g->open_count)
		return 0;

	AUTO_FD int fd = openat(root_fd, g->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : tell_why(s, g->name, "opening it"); /* it may have gone just now */
	if (same)
		return look_again(s, fd, g, err);
	g->mtime_ns = 0;

	int r = look_at_all(s, fd, g, err);

	if (r > 0 && now - mtime_ns > FRESH_NS)
		g->mtime_ns = mtime_ns;
	return r < 0 ? -1 : 0;
}

static int look_at_name(struct scan *s, int root_fd, const char *name, struct err *err)
{
	struct stat st;

	if (!name_is_group(name) || fstatat(root_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return 0;

	struct known_group *g = know(s->h, name);

	if (s->h->count > HISTORY_MAX_GROUPS) {
		tell(s, name, "there are too many groups; this one is not looked at");
		return 0; /* not seen, so not kept */
	}
	return look_at_group(s, root_fd, g, &st, err);
}

static int walk(struct scan *s, struct err *err)
{
	AUTO_FD int fd = open(s->h->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int again = fd < 0 ? -1 : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = again < 0 ? NULL : fdopendir(again);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (!dir)
		return err_sys(err, "opening the deployment root '%s'", s->h->root);
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(dir);

		if (!e)
			return errno ? err_sys(err, "listing the deployment root '%s'", s->h->root) : 0;
		if (look_at_name(s, fd, e->d_name, err) < 0)
			return -1;
	}
}

/* What was learned did not reach the database: the next scan learns it anew. */
static void unlearn(struct history *h)
{
	for (size_t i = 0; i < h->count; i++)
		h->groups[i].mtime_ns = 0;
	db_undo(h->db);
}

int history_scan(struct history *h, const struct history_watch *watch, struct err *err)
{
	struct scan s = { h, watch, false };

	for (size_t i = 0; i < h->count; i++)
		h->groups[i].seen = false;
	if (walk(&s, err) < 0 || (s.changing && db_commit(h->db, err) < 0)) {
		unlearn(h);
		return -1;
	}
	forget_unseen(h);
	return 0;
}
