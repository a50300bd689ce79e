/* worker/group.c - lock, pointers and retention of a deployment group. */
#include "worker/group.h"

#include "config/state_folder.h"
#include "format/json.h"
#include "model/names.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define STATE_MAX   (16 * 1024 * 1024)
#define LOCK_TRY_MS 100
#define FOLDER_MODE 0755

static const char *const pointer_names[] = {
	[GROUP_LAST_SUCCESSFUL] = "last_successful_install",
	[GROUP_MOST_RECENT] = "most_recent_install",
};

static json_t *read_json(int dir_fd, const char *path)
{
	AUTO(str_done) struct str text = STR_INIT(STATE_MAX);
	struct err ignored = ERR_INIT; /* what cannot be read tells nothing; the callers know what that means */

	if (fs_read_file(dir_fd, path, &text, &ignored) != 1)
		return NULL;
	return json_loadb(str_text(&text), text.len, 0, NULL);
}

static DIR *list(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return again < 0 ? NULL : fdopendir(again);
}

/* "deployment d-1 (pid 42, since 20:11:00)": the folder whose request has no result yet. */
char *group_holder(int group_fd)
{
	AUTO_DIR DIR *dir = list(group_fd);

	for (const struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
		AUTO_FREE char *request_path = xasprintf("%s/" GROUP_REQUEST, e->d_name);
		AUTO_FREE char *result_path = xasprintf("%s/" GROUP_RESULT, e->d_name);
		json_t *request = read_json(group_fd, request_path);
		const char *since = json_string_value(json_object_get(request, "started_at"));
		long long pid = json_integer_value(json_object_get(request, "pid"));
		char *text = NULL;

		if (request && faccessat(group_fd, result_path, F_OK, 0) < 0)
			text = xasprintf("deployment %s (process %lld, since %s)", e->d_name, pid, since ? since : "?");
		json_decref(request);
		if (text)
			return text;
	}
	return xstrdup("another deployment");
}

/* 1: somebody else has it. */
static int try_lock(const struct group *g, struct err *err)
{
	if (flock(g->fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? 1 : err_sys(err, "locking deployment group '%s'", g->id);
}

static int wait_for_lock(const struct group *g, const struct group_wait *w, const char *who, struct err *err)
{
	AUTO_FREE char *text = xasprintf("waiting for deployment group '%s': %s is running", g->id, who);
	int busy;

	if (w->note)
		w->note(w->context, text);
	while ((busy = try_lock(g, err)) > 0) {
		struct pollfd p = { .fd = w->stop_fd, .events = POLLIN };

		(void)poll(&p, 1, LOCK_TRY_MS); /* a signal only makes it shorter */
		if (w->stop && atomic_load(w->stop))
			return err_set(err, ERR_STOPPED, "stopped while %s", text);
	}
	return busy;
}

static int lock(struct group *g, const struct group_wait *wait, struct err *err)
{
	int busy = try_lock(g, err);

	if (busy <= 0)
		return busy;

	AUTO_FREE char *who = group_holder(g->fd);

	if (wait)
		return wait_for_lock(g, wait, who, err);
	return err_set(err, ERR_BUSY,
		       "deployment group '%s' is busy: %s is running; wait for its end, or use another group", g->id,
		       who);
}

static int open_below(int dir_fd, const char *name, struct err *err)
{
	if (fs_mkdir(dir_fd, name, FOLDER_MODE) < 0 && errno != EEXIST)
		return err_sys(err, "making folder '%s'", name);

	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(err, "opening folder '%s'", name) : fd;
}

/* In the state folder. */
static int make_root(const char *root, struct err *err)
{
	AUTO_FREE char *state = xstrdup(root);
	char *slash = strrchr(state, '/');

	if (slash && slash != state) {
		*slash = '\0';
		if (state_folder_make(state, err) < 0)
			return -1;
	}
	return fs_make_path(root, FOLDER_MODE, err);
}

int group_open(const char *root, const char *id, const struct group_wait *wait, struct group *out, struct err *err)
{
	struct group g = { .root_fd = -1, .fd = -1, .instructions_fd = -1 };

	if (!name_is_group(id))
		return err_set(err, ERR_USAGE, "'%.200s' " NAME_GROUP_RULE, id);
	if (make_root(root, err) < 0)
		return err_add(err, "deployment root (as an ordinary user choose another one with --root DIR)");
	g.root = xstrdup(root);
	g.id = xstrdup(id);
	if ((g.root_fd = fs_open_dir(root, err)) < 0 || (g.fd = open_below(g.root_fd, g.id, err)) < 0 ||
	    lock(&g, wait, err) < 0 ||
	    (g.instructions_fd = open_below(g.root_fd, "deployment-instructions", err)) < 0) {
		group_done(&g);
		return -1;
	}
	*out = g;
	return 0;
}

void group_done(struct group *g)
{
	auto_closep(&g->root_fd);
	auto_closep(&g->fd); /* the lock goes with it */
	auto_closep(&g->instructions_fd);
	free(g->root);
	free(g->id);
	*g = (struct group){ .root_fd = -1, .fd = -1, .instructions_fd = -1 };
}

/* Not flushed: until the journal's first record is durable nothing has been done that a lost request could hide, and
 * that flushes the folder, too. One that is cut off is as good as none that can be read. */
static int write_request(int deployment_fd, const char *text, struct err *err)
{
	AUTO_FD int fd = fs_create(deployment_fd, GROUP_REQUEST, O_WRONLY, 0600);

	if (fd < 0 || fs_write(fd, text, strlen(text)) < 0)
		return err_sys(err, "writing '" GROUP_REQUEST "'");
	return 0;
}

int group_new_deployment(struct group *g, const struct deployment *d, const char *previous, int *fd, char **path,
			 struct err *err)
{
	AUTO_FD int own = -1;
	struct timespec now;
	char when[32];
	struct tm tm;

	if (fs_mkdir(g->fd, d->id, FOLDER_MODE) < 0)
		return err_sys(err, "making the folder of deployment %s", d->id);
	own = openat(g->fd, d->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (own < 0)
		return err_sys(err, "opening the folder of deployment %s", d->id);
	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
	(void)strftime(when, sizeof(when), "%FT%TZ", gmtime_r(&now.tv_sec, &tm));

	json_t *request = json_pack("{s:i, s:i, s:s, s:o, s:o}", "schema", DEPLOYMENT_SCHEMA, "pid", (int)getpid(),
				    "started_at", when, "previous", jbytes(previous), "request", deployment_to_json(d));
	AUTO_FREE char *text = request ? json_dumps(request, JSON_INDENT(1)) : NULL;

	json_decref(request);
	if (!text)
		return err_set(err, ERR_STATE, "the request of deployment %s cannot be written as JSON", d->id);
	if (write_request(own, text, err) < 0) {
		(void)fs_unlink(own,
				GROUP_REQUEST); /* nothing has begun: nothing is to be left, if that can be helped */
		(void)fs_rmdir(g->fd, d->id);
		return err_add(err, "deployment %s", d->id);
	}
	*path = xasprintf("%s/%s/%s", g->root, g->id, d->id);
	*fd = TAKE_FD(own);
	return 0;
}

int group_read_request(int deployment_fd, struct deployment *d, char **previous)
{
	json_t *request = read_json(deployment_fd, GROUP_REQUEST);
	struct err bad = ERR_INIT; /* as good as none: the caller knows what that means */
	struct jobject o;
	int r = jobject_open(request, "request", &o, &bad);

	if (r == 0 && previous) {
		*previous = NULL;
		r = jobject_string(&o, "previous", PATH_MAX, previous, &bad) < 0 ? -1 : 0;
	}
	if (r == 0)
		r = deployment_from_json(jobject_get(&o, "request"), d, &bad); /* NULL is refused as well */
	json_decref(request);
	return r == 0;
}

int group_read_request_of(const char *folder, struct deployment *d)
{
	AUTO_FD int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? 0 : group_read_request(fd, d, NULL);
}

int group_read_result(int deployment_fd, struct deployment_result *out)
{
	json_t *json = read_json(deployment_fd, GROUP_RESULT);
	struct err bad = ERR_INIT;
	int r = json ? deployment_result_from_json(json, out, &bad) : -1;

	json_decref(json);
	return r == 0;
}

int group_write_result(int deployment_fd, const struct deployment *d, const struct deployment_result *r,
		       struct err *err)
{
	json_t *json = deployment_result_to_json(d, r);
	AUTO_FREE char *text = json_dumps(json, JSON_INDENT(1));

	json_decref(json);
	if (!text)
		return err_set(err, ERR_STATE, "the result of deployment %s cannot be written as JSON", d->id);
	return fs_write_file(deployment_fd, GROUP_RESULT, text, strlen(text), 0644, err);
}

/* Blanks and line ends are whoever's who wrote it by hand: no folder of ours ends so. */
static void trim_end(struct str *text)
{
	while (text->len && strchr(" \t\r\n", text->data[text->len - 1]))
		text->data[--text->len] = '\0';
}

int group_pointer(const struct group *g, enum group_pointer pointer, char **out, struct err *err)
{
	AUTO(str_done) struct str text = STR_INIT(PATH_MAX);
	AUTO_FREE char *name = xasprintf("%s_%s", g->id, pointer_names[pointer]);
	int found = fs_read_file(g->instructions_fd, name, &text, err);

	if (found < 0)
		return err_add(err, "in '%s/deployment-instructions', from where it may be removed", g->root);
	if (!found)
		return 0;
	trim_end(&text);
	if (!text.len)
		return 0;
	*out = *str_text(&text) == '/' ? str_take(&text) : xasprintf("%s/%s", g->root, str_text(&text));
	return 1;
}

int group_set_pointer(struct group *g, enum group_pointer pointer, const char *path, struct err *err)
{
	AUTO_FREE char *name = xasprintf("%s_%s", g->id, pointer_names[pointer]);

	return fs_write_file(g->instructions_fd, name, path, strlen(path), 0644, err);
}

/* Retention */

struct revision_folder {
	char *name;
	struct timespec mtime;
};

static int by_age(const void *a, const void *b)
{
	const struct revision_folder *x = a, *y = b;

	if (x->mtime.tv_sec != y->mtime.tv_sec)
		return x->mtime.tv_sec < y->mtime.tv_sec ? -1 : 1;
	return x->mtime.tv_nsec < y->mtime.tv_nsec ? -1 : x->mtime.tv_nsec > y->mtime.tv_nsec;
}

int group_remove_deployment(int group_fd, const char *id, struct err *err)
{
	AUTO_FREE char *bundle = xasprintf("%s/deployment-archive", id);
	AUTO_FREE char *away = xasprintf("%s/deployment-archive-removed", id);

	if (fs_rename(group_fd, bundle, group_fd, away) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(err, "removing old deployment %s", id);
	return fs_remove_tree(group_fd, id, err) < 0 ? err_add(err, "removing old deployment %s", id) : 0;
}

static int remove_oldest(struct group *g, struct revision_folder *items, size_t count, size_t extra, const char *spared,
			 struct err *err)
{
	if (!count)
		return 0; /* qsort must not be given a null pointer */
	qsort(items, count, sizeof(*items), by_age);
	for (size_t i = 0; i < count && extra; i++) {
		if (spared && !strcmp(items[i].name, spared))
			continue;
		if (group_remove_deployment(g->fd, items[i].name, err) < 0)
			return -1;
		extra--;
	}
	return 0;
}

int group_prune(struct group *g, const char *current, unsigned max_revisions, struct err *err)
{
	AUTO_DIR DIR *dir = list(g->fd);
	AUTO_FREE char *last = NULL;
	struct revision_folder *items = NULL;
	size_t count = 0;
	int r = dir ? group_pointer(g, GROUP_LAST_SUCCESSFUL, &last, err) : err_sys(err, "listing old deployments");

	for (const struct dirent *e = r < 0 ? NULL : readdir(dir); e; e = readdir(dir)) {
		struct stat st;

		if (e->d_name[0] == '.' || !strcmp(e->d_name, current) ||
		    fstatat(g->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		items = xrealloc(items, (count + 1) * sizeof(*items));
		items[count++] = (struct revision_folder){ xstrdup(e->d_name), st.st_mtim };
	}
	if (r >= 0)
		r = remove_oldest(g, items, count, count + 1 > max_revisions ? count + 1 - max_revisions : 0,
				  str_base_name(last), err);
	for (size_t i = 0; i < count; i++)
		free(items[i].name);
	free(items);
	return r < 0 ? -1 : 0;
}
