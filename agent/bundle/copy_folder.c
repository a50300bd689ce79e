/* bundle/copy_folder.c - list first, then copy what was listed: so it ends, wherever the copy lies.
 *
 * Folders are made by the calling thread; then each folder's files are one piece of work, taken by whichever thread is
 * free.
 */
#include "bundle/copy_folder.h"

#include "bundle/attributes.h"
#include "bundle/entry_guard.h"
#include "model/tree.h"
#include "util/auto.h"
#include "util/digest.h"
#include "util/fs.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { BLOCK = 256 * 1024 };

struct copying {
	int from_fd, to_fd;
	const struct unpack_options *options;
	struct digest_index *index;
	struct tree tree;
	bool *left_out; /* per entry: it is our own folder, or below it */
	uid_t uid;
	gid_t gid;
	atomic_uint next; /* the folder to be done next */
	_Atomic uint64_t files, bytes;
	atomic_bool failed;
};

struct copier {
	struct copying *c;
	struct digest *digest;
	char *block;
	bool tells_progress;
	struct err err;
};

static struct shown shown(const struct tree *t, uint32_t index)
{
	AUTO_FREE char *path = tree_path(t, index);

	return guard_shown(path, strlen(path));
}

static struct attributes attributes_of(const struct copying *c, const struct tree_entry *e)
{
	bool ours = e->uid == c->uid && e->gid == c->gid;
	int64_t s = e->mtime_ns / 1000000000, ns = e->mtime_ns % 1000000000;

	return (struct attributes){
		.mode = ours ? e->mode : e->mode & (mode_t)~06000, /* never lend our rights to somebody's program */
		.mtime = { ns < 0 ? s - 1 : s, ns < 0 ? ns + 1000000000 : ns },
	};
}

static int count(struct copying *c, uint64_t more, struct err *err)
{
	uint64_t bytes = atomic_fetch_add(&c->bytes, more) + more;

	if (guard_bytes(bytes, c->options->max_bytes, err) < 0)
		return -1;
	if (c->options->stop && atomic_load_explicit(c->options->stop, memory_order_relaxed))
		return err_set(err, ERR_STOPPED, "stopped while copying");
	if (atomic_load_explicit(&c->failed, memory_order_relaxed))
		return err_set(err, ERR_STOPPED, "the other thread failed");
	return 0;
}

static int copy_content(struct copier *me, int from, int to, const struct shown *name, struct err *err)
{
	digest_start(me->digest);
	for (;;) {
		ssize_t n = read(from, me->block, BLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "reading '%s'", name->text);
		if (n == 0)
			return 0;
		if (count(me->c, (uint64_t)n, err) < 0)
			return -1;
		if (fs_write(to, me->block, (size_t)n) < 0)
			return err_sys(err, "writing '%s'", name->text);
		digest_update(me->digest, me->block, (size_t)n);
	}
}

static int copy_file(struct copier *me, uint32_t index, int from_dir, int to_dir, struct err *err)
{
	struct copying *c = me->c;
	const char *name = tree_name(&c->tree, index);
	AUTO_FD int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const struct attributes a = attributes_of(c, &c->tree.entries[index]);
	unsigned char digest[DIGEST_SIZE];
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		return err_sys(err, "reading '%s'", shown(&c->tree, index).text);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_BUNDLE, "'%s' has changed while it was copied; try again",
			       shown(&c->tree, index).text);

	AUTO_FD int to = fs_create(to_dir, name, O_WRONLY, a.mode & 0777);
	struct shown text = shown(&c->tree, index);

	if (to < 0)
		return err_sys(err, "creating '%s'", text.text);
	if (copy_content(me, from, to, &text, err) < 0)
		return -1;
	if (attributes_apply(to, &a, &st) < 0)
		return err_sys(err, "setting mode and time of '%s'", text.text);
	digest_finish(me->digest, digest);
	digest_index_add(c->index, st.st_ino, st.st_size, attributes_ctime_ns(&st), digest);
	atomic_fetch_add(&c->files, 1);
	return 0;
}

static int copy_link(struct copier *me, uint32_t index, int to_dir, struct err *err)
{
	const struct tree *t = &me->c->tree;
	const struct attributes a = attributes_of(me->c, &t->entries[index]);

	if (fs_symlink(tree_link_text(t, index), to_dir, tree_name(t, index)) < 0 ||
	    attributes_apply_link(to_dir, tree_name(t, index), &a) < 0)
		return err_sys(err, "making the link '%s'", shown(t, index).text);
	return 0;
}

static int copy_children(struct copier *me, uint32_t folder, struct err *err)
{
	struct copying *c = me->c;
	const struct tree_entry *e = &c->tree.entries[folder];
	AUTO_FREE char *path = tree_path(&c->tree, folder);
	AUTO_FD int from = fs_open_beneath(c->from_fd, *path ? path : ".", O_PATH | O_DIRECTORY, 0);
	AUTO_FD int to = fs_open_beneath(c->to_fd, *path ? path : ".", O_PATH | O_DIRECTORY, 0);

	if (from < 0 || to < 0)
		return err_sys(err, "opening folder '%s'", guard_shown(path, strlen(path)).text);
	for (uint32_t i = e->first; i < e->first + e->count; i++) {
		int type = c->tree.entries[i].type;

		if (type == TREE_FILE && copy_file(me, i, from, to, err) < 0)
			return -1;
		if (type == TREE_LINK && copy_link(me, i, to, err) < 0)
			return -1;
		if (me->tells_progress && c->options->progress && i % 256 == 0)
			c->options->progress(c->options->context, c->files, c->bytes);
	}
	return 0;
}

static void *copy_some(void *context)
{
	struct copier *me = context;
	struct copying *c = me->c;
	uint32_t i;

	me->digest = digest_new();
	me->block = xmalloc(BLOCK);
	while (!c->failed && (i = atomic_fetch_add(&c->next, 1)) < c->tree.count) {
		if (c->tree.entries[i].type != TREE_DIRECTORY || c->left_out[i])
			continue;
		if (copy_children(me, i, &me->err) < 0) {
			/* Only the first to fail tells why. */
			if (atomic_exchange(&c->failed, true))
				me->err = ERR_INIT;
			break;
		}
	}
	free(me->block);
	digest_free(me->digest);
	return NULL;
}

static int copy_all(struct copying *c, struct err *err)
{
	struct copier here = { .c = c, .tells_progress = true }, there = { .c = c };
	sigset_t all, before;
	pthread_t thread;
	bool started = false;

	if (c->options->threads) {
		(void)sigfillset(&all);
		(void)pthread_sigmask(SIG_SETMASK, &all, &before);		 /* signals are the main thread's */
		started = pthread_create(&thread, NULL, copy_some, &there) == 0; /* if not, one does it all */
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	(void)copy_some(&here);
	if (started)
		(void)pthread_join(thread, NULL); /* it is there, and is not this one */
	if (!c->failed)
		return 0;
	*err = here.err.kind ? here.err : there.err;
	return -1;
}

/* Is entry INDEX the folder OWN? Its inode number is. */
static bool same_folder(const struct copying *c, uint32_t index, const struct stat *own)
{
	AUTO_FREE char *path = tree_path(&c->tree, index);
	AUTO_FD int fd = fs_open_beneath(c->from_fd, *path ? path : ".", O_PATH | O_DIRECTORY, 0);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == own->st_dev && st.st_ino == own->st_ino;
}

static int leave_out_own(struct copying *c, int own_fd, struct unpack_report *report, struct err *err)
{
	struct stat own;

	if (fstat(own_fd, &own) < 0)
		return err_sys(err, "looking at the deployment's folder");
	for (uint32_t i = 0; i < c->tree.count; i++) {
		const struct tree_entry *e = &c->tree.entries[i];

		c->left_out[i] = i && c->left_out[e->parent];
		if (c->left_out[i] || e->type != TREE_DIRECTORY || e->ino != own.st_ino || !same_folder(c, i, &own))
			continue;
		if (i == 0)
			return err_set(err, ERR_BUNDLE, "it is the deployment's own folder; name the bundle's");
		c->left_out[i] = true;
		warnings_add(&report->warnings,
			     "the agent's own folder '%s' lies in the bundle and is left out; keep its state elsewhere",
			     shown(&c->tree, i).text);
	}
	return 0;
}

static int check_entry(const struct copying *c, uint32_t index, struct unpack_report *report, struct err *err)
{
	const struct tree_entry *e = &c->tree.entries[index];
	AUTO_FREE char *path = tree_path(&c->tree, index);
	const char *text = tree_link_text(&c->tree, index);
	struct entry_path canonical;

	if (e->type == TREE_OTHER)
		return guard_type(path, strlen(path), 0, err);
	if (guard_path(path, strlen(path), &canonical, err) < 0)
		return -1;
	if (e->type != TREE_LINK || guard_link_floor(&canonical, text) != GUARD_OUTSIDE)
		return 0;
	if (c->options->refuse_outside_links)
		return err_set(err, ERR_BUNDLE,
			       "the link '%s' leads out of the bundle, to '%s', which 'refuse_outside_links' forbids",
			       guard_shown(path, strlen(path)).text, guard_shown(text, strlen(text)).text);
	warnings_add(&report->warnings, "the link '%s' leads out of the bundle, to '%s'",
		     guard_shown(path, strlen(path)).text, guard_shown(text, strlen(text)).text);
	return 0;
}

/* Everything that can be refused is refused before the first byte is copied. */
static int check_all(const struct copying *c, struct unpack_report *report, struct err *err)
{
	uint64_t bytes = 0;

	for (uint32_t i = 1; i < c->tree.count; i++) {
		if (c->left_out[i])
			continue;
		if (check_entry(c, i, report, err) < 0)
			return -1;
		bytes += (uint64_t)c->tree.entries[i].size;
		report->entries++;
	}
	return guard_bytes(bytes, c->options->max_bytes, err);
}

static int make_folders(const struct copying *c, struct folder_list *folders, struct err *err)
{
	for (uint32_t i = 0; i < c->tree.count; i++) {
		const struct tree_entry *e = &c->tree.entries[i];

		if (e->type != TREE_DIRECTORY || c->left_out[i])
			continue;

		AUTO_FREE char *path = tree_path(&c->tree, i);
		AUTO_FREE char *parent = tree_path(&c->tree, e->parent);
		const struct attributes a = attributes_of(c, e);

		folder_list_add(folders, path, &a);
		if (i == 0)
			continue; /* TO_FD itself */

		AUTO_FD int fd = fs_open_beneath(c->to_fd, *parent ? parent : ".", O_PATH | O_DIRECTORY, 0);

		if (fd < 0 || fs_mkdir(fd, tree_name(&c->tree, i), (a.mode & 0777) | 0700) < 0)
			return err_sys(err, "making folder '%s'", guard_shown(path, strlen(path)).text);
	}
	return 0;
}

int copy_folder(int from_fd, int to_fd, int own_fd, const struct unpack_options *options, struct digest_index *ix,
		struct unpack_report *report, struct err *err)
{
	AUTO(folder_list_done) struct folder_list folders = { 0 };
	uint64_t max = options->max_entries;
	AUTO_FREE bool *left_out = NULL;
	AUTO(tree_done) struct tree tree = { 0 };

	if (tree_scan(from_fd, max && max < TREE_NONE ? (uint32_t)max : TREE_NONE, &tree, err) < 0)
		return -1;

	struct copying c = { .from_fd = from_fd,
			     .to_fd = to_fd,
			     .options = options,
			     .index = ix,
			     .tree = tree,
			     .uid = geteuid(),
			     .gid = getegid() };

	c.left_out = left_out = xcalloc(tree.count, sizeof(bool));
	if (leave_out_own(&c, own_fd, report, err) < 0 || check_all(&c, report, err) < 0 ||
	    make_folders(&c, &folders, err) < 0 || copy_all(&c, err) < 0 ||
	    folder_list_apply(&folders, to_fd, NULL, err) < 0)
		return -1;
	report->files = c.files;
	report->bytes = c.bytes;
	if (options->progress)
		options->progress(options->context, report->files, report->bytes);
	return 0;
}
