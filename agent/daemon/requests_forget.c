/* daemon/requests_forget.c - forget and prune: folders by a child, rows by us. */
#include "control/answer.h"
#include "daemon/chore.h"
#include "daemon/dispatch.h"
#include "daemon/recover_job.h"
#include "daemon/requests.h"
#include "daemon/revisions.h"
#include "model/names.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"
#include "worker/group.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define RESULT_MAX (16 * 1024 * 1024)

static const char *const instruction_suffixes[] = { "_last_successful_install", "_most_recent_install", "-install.json",
						    "-cleanup" };

struct forgetting {
	char *root, *group;
};

static void forgetting_free(struct forgetting *f)
{
	free(f->root);
	free(f->group);
	free(f);
}

/* 1: *FD is the group's folder, locked against `slipway local`; 0: there is none. */
static int lock_group(int root_fd, const char *group, int *fd, struct err *err)
{
	AUTO_FD int own = openat(root_fd, group, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (own < 0)
		return errno == ENOENT ? 0 : err_sys(err, "opening deployment group '%s'", group);
	if (flock(own, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, ERR_BUSY, "deployment group '%s' is busy: wait for the end of its deployment",
			       group);
	*fd = TAKE_FD(own);
	return 1;
}

static int remove_group(void *arg, struct err *err)
{
	const struct forgetting *f = arg;
	AUTO_FD int root_fd = fs_open_dir(f->root, err);
	AUTO_FD int group_fd = -1;
	AUTO_FD int instructions_fd = -1;

	if (root_fd < 0)
		return -1;
	if (lock_group(root_fd, f->group, &group_fd, err) < 0 ||
	    (group_fd >= 0 && fs_remove_tree(root_fd, f->group, err) < 0))
		return -1;
	instructions_fd = openat(root_fd, "deployment-instructions", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	for (size_t i = 0; instructions_fd >= 0 && i < ARRAY_LEN(instruction_suffixes); i++) {
		AUTO_FREE char *name = xasprintf("%s%s", f->group, instruction_suffixes[i]);

		if (fs_unlink(instructions_fd, name) < 0 && errno != ENOENT)
			return err_sys(err, "removing '%s'", name);
	}
	return 0;
}

static void forgotten(struct daemon *d, struct socket_client *client, void *arg, int count, const struct err *failed)
{
	struct forgetting *f = arg;
	struct err err = *failed;
	unsigned rows = 0;

	if (count >= 0)
		/* what came meanwhile waits, and stays */
		count = db_forget(d->db, f->group, queue_waiting(d->queue, f->group), &rows, &err);
	(void)queue_end(d->queue, f->group, ""); /* known or not */
	dispatch_start(d, queue_release(d->queue, f->group));
	if (client && count < 0) {
		socket_client_end(client, answer_error(&err, NULL));
	} else if (client) {
		json_t *line = answer_done();

		(void)json_object_set_new(line, "group", jpath(f->group)); /* memory only, as the next */
		(void)json_object_set_new(line, "deployments", json_integer((json_int_t)rows));
		socket_client_end(client, line);
	}
	forgetting_free(f);
}

int request_forget(struct request *r, struct err *err)
{
	struct daemon *d = r->daemon;
	AUTO_FREE char *group = NULL;
	AUTO(db_row_done) struct db_row row = { 0 };

	if (request_text(r, "group", &group, err) < 0 || request_end(r, err) < 0 || request_needs_work(r, err) < 0)
		return -1;
	if (!group || !name_is_group(group))
		return err_set(err, ERR_USAGE, "request: '%s' " NAME_GROUP_RULE, group ? group : "");
	if (queue_running(d->queue, group) || queue_held(d->queue, group))
		return err_set(err, ERR_BUSY, "deployment group '%s' is busy: wait for the end of its deployment",
			       group);
	daemon_scan(d);
	if (request_find(r, NULL, group, &row, err) < 0 || queue_hold(d->queue, group, "forget", err) < 0)
		return -1;

	struct forgetting *f = xcalloc(1, sizeof(*f));

	*f = (struct forgetting){ xstrdup(d->config.settings.deployment_root), TAKE_PTR(group) };

	const struct chore_work work = { .run = remove_group, .done = forgotten, .arg = f };

	if (chore_start(d, r->client, &work, err) < 0) {
		(void)queue_release(d->queue, f->group);
		forgetting_free(f);
		return -1;
	}
	return 0;
}

/* Prune: the oldest folders of every group beyond max_revisions, sparing the one in place and those that have not
 * ended or need recovery, or that another agent made. */

struct pruning {
	char *root;
	char **groups;	 /* NULL-terminated */
	char **in_place; /* of each group; entries may be NULL */
	unsigned keep;
};

static void pruning_free(struct pruning *p)
{
	for (size_t i = 0; p->groups && p->groups[i]; i++)
		free(p->in_place[i]);
	free(p->in_place);
	jstrings_free(p->groups);
	free(p->root);
	free(p);
}

struct old_folder {
	char name[NAME_MAX + 1];
	struct timespec mtime;
};

static int by_age(const void *a, const void *b)
{
	const struct old_folder *x = a, *y = b;

	if (x->mtime.tv_sec != y->mtime.tv_sec)
		return x->mtime.tv_sec < y->mtime.tv_sec ? -1 : 1;
	return x->mtime.tv_nsec < y->mtime.tv_nsec ? -1 : x->mtime.tv_nsec > y->mtime.tv_nsec;
}

static size_t list_folders(int fd, struct old_folder **out)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = again < 0 ? NULL : fdopendir(again);
	size_t n = 0;

	for (const struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
		struct stat st;

		if (e->d_name[0] == '.' || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
			continue;
		*out = xrealloc(*out, (n + 1) * sizeof(**out));
		(*out)[n] = (struct old_folder){ .mtime = st.st_mtim };
		(void)snprintf((*out)[n++].name, sizeof((*out)->name), "%s", e->d_name);
	}
	return n;
}

/* It has a result, and its journal is not needed to finish or undo it. */
static bool may_go(int group_fd, const char *id)
{
	AUTO_FREE char *path = xasprintf("%s/result.json", id);
	AUTO(str_done) struct str text = STR_INIT(RESULT_MAX);
	struct err ignored = ERR_INIT; /* what cannot be read now is for a later time */

	if (fs_read_file(group_fd, path, &text, &ignored) != 1)
		return false;

	json_t *result = json_loadb(str_text(&text), text.len, 0, NULL);
	bool needed = json_is_true(json_object_get(result, "needs_recovery"));

	json_decref(result);
	return !needed;
}

/* How many were removed; -1. A group that is busy keeps its folders: its own deployment prunes it. */
static int prune_group(int root_fd, const char *group, const char *in_place, unsigned keep, struct err *err)
{
	AUTO_FREE struct old_folder *folders = NULL;
	AUTO_FD int fd = -1;
	int locked = lock_group(root_fd, group, &fd, err);
	int removed = 0;

	if (locked <= 0)
		return locked < 0 && err->kind != ERR_BUSY ? -1 : 0;

	size_t count = list_folders(fd, &folders);

	if (!count)
		return 0;
	qsort(folders, count, sizeof(*folders), by_age);
	for (size_t i = 0; i < count && count - (size_t)removed > keep; i++) {
		if ((in_place && !strcmp(folders[i].name, in_place)) || !may_go(fd, folders[i].name))
			continue;
		if (group_remove_deployment(fd, folders[i].name, err) < 0)
			return -1;
		removed++;
	}
	return removed;
}

static int prune_all(void *arg, struct err *err)
{
	const struct pruning *p = arg;
	AUTO_FD int root_fd = open(p->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int removed = 0;

	if (root_fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "opening '%s'", p->root);
	for (size_t i = 0; p->groups && p->groups[i]; i++) {
		int n = prune_group(root_fd, p->groups[i], p->in_place[i], p->keep, err);

		if (n < 0)
			return -1;
		removed += n;
	}
	return removed;
}

static void pruned(struct daemon *d, struct socket_client *client, void *arg, int count, const struct err *failed)
{
	struct err err = *failed;
	unsigned rows = 0;

	if (count >= 0 && db_prune(d->db, d->config.history, &rows, &err) < 0)
		count = -1;
	if (client && count < 0) {
		socket_client_end(client, answer_error(&err, NULL));
	} else if (client) {
		json_t *line = answer_done();

		(void)json_object_set_new(line, "deployments", json_integer(count)); /* memory only, as the next */
		(void)json_object_set_new(line, "rows", json_integer((json_int_t)rows));
		socket_client_end(client, line);
	}
	pruning_free(arg);
}

int request_prune(struct request *r, struct err *err)
{
	struct daemon *d = r->daemon;
	size_t count = 0;

	if (request_end(r, err) < 0 || request_needs_work(r, err) < 0)
		return -1;
	daemon_scan(d);

	struct pruning *p = xcalloc(1, sizeof(*p));

	p->root = xstrdup(d->config.settings.deployment_root);
	p->keep = d->config.settings.max_revisions;
	if (db_list_groups(d->db, &p->groups, err) < 0) {
		pruning_free(p);
		return -1;
	}
	while (p->groups && p->groups[count])
		count++;
	p->in_place = xcalloc(count + 1, sizeof(*p->in_place));
	for (size_t i = 0; i < count; i++)
		p->in_place[i] = revisions_in_place(d, p->groups[i]);

	const struct chore_work work = { .run = prune_all, .done = pruned, .arg = p };

	if (chore_start(d, r->client, &work, err) < 0) {
		pruning_free(p);
		return -1;
	}
	return 0;
}
