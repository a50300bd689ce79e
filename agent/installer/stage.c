/* installer/stage.c - copies files into private folders, two threads at once. */
#include "installer/stage.h"

#include "installer/permission.h"
#include "installer/place.h"
#include "installer/stage_inherit.h"
#include "util/auto.h"
#include "util/digest.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#define COPY_BUFFER (128 * 1024)  /* what the processor's own cache holds: half the cost of 1 MiB */
#define CLONE_MIN   (1024 * 1024) /* below, sharing blocks is slower than copying (DESIGN section 6) */
/* What a thread takes at once: neighbours share their folder, in a place, too; but of big files both get some. */
#define CHUNK_FILES 128
#define CHUNK_BYTES (8 * 1024 * 1024)

struct file_work {
	uint32_t node;
	uint32_t step;
};

struct stage_work {
	const struct plan *plan;
	struct arrangement *a;
	const struct stage_options *o;
	struct staged_identity *identities;
	struct file_work *files;
	size_t file_count, capacity;
	int64_t bytes; /* of all files */
	atomic_size_t next;
	atomic_uint_fast64_t done_files, done_bytes;
	atomic_bool failed;
};

struct copier { /* what one thread keeps from file to file */
	struct stage_work *w;
	char *buffer;
	uint32_t from_dir, to_dir; /* folders whose descriptors are open */
	uint32_t to_step;
	int from_fd, to_fd;
	bool no_clone;
	struct digest *digest;
	struct err err;
};

/* The folder in which NODE is staged: of its step's entry in the place, or what has been staged of its parent. */
static int open_staged_parent(struct stage_work *w, uint32_t step, uint32_t node)
{
	const struct steps *s = &w->a->steps;
	uint32_t top = w->a->nodes[step];
	struct err err = ERR_INIT; /* errno tells it as well */
	AUTO_FD int place = place_open(s, s->items[step].place, step, &err);

	if (place < 0 || node == top)
		return TAKE_FD(place);

	AUTO_FREE char *parent = plan_path(w->plan, w->plan->nodes[node].parent);
	AUTO_FREE char *top_path = plan_path(w->plan, top);
	AUTO_FREE char *path = xasprintf("%s%s", place_names(step).entry, parent + strlen(top_path));

	return fs_open_beneath(place, path, O_RDONLY | O_DIRECTORY, 0);
}

static const char *staged_name(const struct stage_work *w, uint32_t step, uint32_t node, struct place_names *names)
{
	if (node != w->a->nodes[step])
		return w->plan->nodes[node].name;
	*names = place_names(step);
	return names->entry;
}

static int where(struct err *err, const struct plan *p, uint32_t node)
{
	AUTO_FREE char *path = plan_path(p, node);

	return err_add(err, "staging '%s'", path);
}

static int record_identity(struct stage_work *w, uint32_t step, uint32_t node, const struct stat *st)
{
	w->identities[node] = (struct staged_identity){ st->st_ino, fs_nanoseconds(&st->st_ctim) };
	if (w->a->nodes[step] == node) {
		w->a->steps.items[step].new_dev = st->st_dev;
		w->a->steps.items[step].new_ino = st->st_ino;
	}
	return 0;
}

/* Folders */

static int stage_folder(struct stage_work *w, uint32_t step, uint32_t node, struct err *err)
{
	AUTO_FD int parent = open_staged_parent(w, step, node);
	struct place_names names;
	const char *name = staged_name(w, step, node, &names);

	if (parent < 0 || fs_mkdir(parent, name, 0700) < 0)
		return err_sys(err, "making a folder");

	struct plan_attributes want;

	plan_attributes(w->plan, node, &want);
	if (!want.heritage)
		return 0;

	AUTO_FD int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "opening a folder");
	return stage_inherit(fd, want.heritage, true, node == w->a->nodes[step], err);
}

/* A folder gets its attributes when its content is there: they may forbid to write, or hand themselves down. */
static int finish_folder(struct stage_work *w, uint32_t step, uint32_t node, struct err *err)
{
	AUTO_FD int parent = open_staged_parent(w, step, node);
	struct place_names names;
	AUTO_FD int fd = parent < 0 ? -1
				    : openat(parent, staged_name(w, step, node, &names),
					     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct plan_attributes want;
	struct stat st;

	if (fd < 0)
		return err_sys(err, "opening a folder");
	plan_attributes(w->plan, node, &want);

	AUTO_FREE char *acl = want.attr && want.attr->acl ? permission_acl_text(want.attr->permission, want.mode)
							  : NULL;

	if (permission_apply(fd, want.mode, want.uid, want.gid, acl, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "reading attributes");
	return record_identity(w, step, node, &st);
}

static int64_t file_size(const struct stage_work *w, uint32_t node)
{
	return w->plan->in.tree->entries[w->plan->nodes[node].source].size;
}

static void add_file(struct stage_work *w, uint32_t node, uint32_t step)
{
	if (w->file_count == w->capacity) {
		w->capacity = w->capacity ? w->capacity + w->capacity / 2 : 256;
		w->files = xrealloc(w->files, w->capacity * sizeof(*w->files));
	}
	w->files[w->file_count++] = (struct file_work){ node, step };
	w->bytes += file_size(w, node);
}

/* A second name of what stands in the folder; its content stays where it is. */
static int stage_second_name(struct stage_work *w, uint32_t step, struct err *err)
{
	struct step *st = &w->a->steps.items[step];
	const struct plan_node *n = &w->plan->nodes[w->a->nodes[step]];
	struct place_names names = place_names(step);
	AUTO_FD int folder = place_open_absolute(w->a->steps.folders[st->folder].path, O_PATH | O_DIRECTORY);
	AUTO_FD int place = place_open(&w->a->steps, st->place, step, err);
	struct stat found;

	if (place < 0)
		return -1;
	if (folder < 0 || fs_link(folder, st->second_name_of, place, names.entry) < 0 ||
	    fstatat(place, names.entry, &found, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "giving what stands there a second name, as its backup");
	if (found.st_ino != n->ino)
		return err_set(err, ERR_EXISTS,
			       "it was replaced by somebody else while this deployment was installing");
	st->new_dev = found.st_dev;
	st->new_ino = found.st_ino;
	return 0;
}

/* Make the folders of one step, parents first, and note its files. */
static int begin_step(struct stage_work *w, uint32_t step, struct err *err)
{
	const struct plan *p = w->plan;
	uint32_t top = w->a->nodes[step], end = plan_next(p, top, false);

	if (w->a->steps.items[step].second_name_of)
		return stage_second_name(w, step, err) < 0 ? where(err, p, top) : 0;
	for (uint32_t i = top; i != end; i = plan_next(p, i, true)) {
		if (!plan_is_wanted(&p->nodes[i]))
			continue; /* of the old revision only */
		if (p->nodes[i].want != PLAN_WANT_FOLDER)
			add_file(w, i, step);
		else if (stage_folder(w, step, i, err) < 0)
			return where(err, p, i);
	}
	return 0;
}

static int finish_step(struct stage_work *w, uint32_t step, uint32_t node, struct err *err)
{
	const struct plan *p = w->plan;

	if (p->nodes[node].want != PLAN_WANT_FOLDER)
		return 0;
	for (uint32_t i = plan_first_child(p, node); i != TREE_NONE; i = plan_next_sibling(p, i))
		if (finish_step(w, step, i, err) < 0)
			return -1;
	return finish_folder(w, step, node, err) < 0 ? where(err, p, node) : 0;
}

/* Files and links */

static int open_source(struct copier *c, uint32_t source)
{
	const struct tree *t = c->w->plan->in.tree;
	uint32_t dir = t->entries[source].parent;

	if (c->from_fd < 0 || c->from_dir != dir) {
		AUTO_FREE char *path = tree_path(t, dir);

		auto_closep(&c->from_fd);
		c->from_dir = dir;
		c->from_fd = fs_open_beneath(c->w->o->archive_fd, *path ? path : ".", O_PATH | O_DIRECTORY, 0);
		if (c->from_fd < 0)
			return -1;
	}
	return openat(c->from_fd, tree_name(t, source), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

static int enter_target(struct copier *c, const struct file_work *f)
{
	uint32_t dir = c->w->plan->nodes[f->node].parent;

	if (f->node == c->w->a->nodes[f->step])
		dir = TREE_NONE - 1 - c->w->a->steps.items[f->step].place; /* a folder of the place */
	if (c->to_fd >= 0 && c->to_dir == dir && place_shares_folder(c->to_step, f->step))
		return 0;
	auto_closep(&c->to_fd);
	c->to_dir = dir;
	c->to_step = f->step;
	c->to_fd = open_staged_parent(c->w, f->step, f->node);
	return c->to_fd < 0 ? -1 : 0;
}

static int changed_in_archive(struct err *err)
{
	return err_set(err, ERR_BUNDLE, "the unpacked bundle changed while it was being installed");
}

static int copy_bytes(struct copier *c, int from, int to, int64_t size, struct digest *digest, struct err *err)
{
	int64_t copied = 0;

	while (copied < size) {
		ssize_t n = read(from, c->buffer, COPY_BUFFER);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "reading the unpacked file");
		if (n == 0)
			return changed_in_archive(err);
		if (digest)
			digest_update(digest, c->buffer, (size_t)n);
		if (fs_write(to, c->buffer, (size_t)n) < 0)
			return err_sys(err, "writing");
		copied += n;
		if (c->w->o->stop && atomic_load(c->w->o->stop))
			return err_set(err, ERR_STOPPED, "stopped");
	}
	return 0;
}

static bool cloned(struct copier *c, int from, int to, int64_t size)
{
	if (c->no_clone || size < CLONE_MIN)
		return false;
	if (fs_clone(to, from) == 0)
		return true;
	c->no_clone = true; /* this file system never will */
	return false;
}

/* The content, and its digest where nobody has seen it yet. */
static int copy_content(struct copier *c, uint32_t source, int from, int to, struct err *err)
{
	const struct tree_entry *e = &c->w->plan->in.tree->entries[source];
	struct digest_index *known = c->w->o->digests;
	unsigned char sum[DIGEST_SIZE];

	if (digest_index_find(known, e->ino, e->size, e->ctime_ns, sum))
		return cloned(c, from, to, e->size) ? 0 : copy_bytes(c, from, to, e->size, NULL, err);

	digest_start(c->digest);
	if (copy_bytes(c, from, to, e->size, c->digest, err) < 0)
		return -1;
	digest_finish(c->digest, sum);
	digest_index_add(known, e->ino, e->size, e->ctime_ns, sum);
	return 0;
}

static bool is_as_listed(int fd, const struct tree_entry *e)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == e->ino && st.st_size == e->size &&
	       fs_nanoseconds(&st.st_ctim) == e->ctime_ns;
}

static int copy_file(struct copier *c, const struct file_work *f, struct err *err)
{
	const struct plan_node *n = &c->w->plan->nodes[f->node];
	const struct tree_entry *e = &c->w->plan->in.tree->entries[n->source];
	struct plan_attributes want;
	struct stat st;
	struct place_names names;
	AUTO_FD int from = open_source(c, n->source);

	if (from < 0)
		return err_sys(err, "opening the unpacked file");
	plan_attributes(c->w->plan, f->node, &want);

	AUTO_FD int to = fs_create(c->to_fd, staged_name(c->w, f->step, f->node, &names), O_WRONLY, want.mode & 0777);

	if (to < 0)
		return err_sys(err, "creating it");
	if (want.heritage && stage_inherit(to, want.heritage, false, f->node == c->w->a->nodes[f->step], err) < 0)
		return -1;
	if (copy_content(c, n->source, from, to, err) < 0)
		return -1;
	if (!is_as_listed(from, e)) /* after reading: then what was read is what was listed and hashed */
		return changed_in_archive(err);

	AUTO_FREE char *acl = want.attr && want.attr->acl ? permission_acl_text(want.attr->permission, want.mode)
							  : NULL;
	const struct timespec when = { want.mtime_ns / 1000000000, want.mtime_ns % 1000000000 };

	if (fs_utimens(to, (const struct timespec[]){ when, when }) < 0 || fstat(to, &st) < 0)
		return err_sys(err, "setting its times");
	if (acl || (st.st_mode & 07777) != want.mode || st.st_uid != want.uid || st.st_gid != want.gid) {
		if (permission_apply(to, want.mode, want.uid, want.gid, acl, err) < 0)
			return -1;
		if (fstat(to, &st) < 0)
			return err_sys(err, "looking at it");
	}
	atomic_fetch_add(&c->w->done_bytes, (uint64_t)e->size);
	return record_identity(c->w, f->step, f->node, &st);
}

static int copy_link(struct copier *c, const struct file_work *f, struct err *err)
{
	struct plan_attributes want;
	struct stat st;
	struct place_names names;
	const char *name = staged_name(c->w, f->step, f->node, &names);

	plan_attributes(c->w->plan, f->node, &want);
	if (fs_symlink(tree_link_text(c->w->plan->in.tree, c->w->plan->nodes[f->node].source), c->to_fd, name) < 0)
		return err_sys(err, "making the link");
	if (want.heritage && stage_inherit_link(c->to_fd, name, want.heritage, err) < 0)
		return -1;
	if (fstatat(c->to_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "looking at the link");
	if (st.st_uid == want.uid && st.st_gid == want.gid)
		return record_identity(c->w, f->step, f->node, &st);
	if (fs_chown_at(c->to_fd, name, want.uid, want.gid) < 0) /* also what a setgid folder gave it */
		return err_sys(err, "setting the link's owner %u and group %u", want.uid, want.gid);
	if (fstatat(c->to_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "looking at the link");
	return record_identity(c->w, f->step, f->node, &st);
}

static int copy_one(struct copier *c, const struct file_work *f, struct err *err)
{
	if (enter_target(c, f) < 0)
		return err_sys(err, "opening its private folder");
	if (c->w->plan->nodes[f->node].want == PLAN_WANT_LINK)
		return copy_link(c, f, err);
	return copy_file(c, f, err);
}

static void report(struct copier *c)
{
	if (c->w->o->progress)
		c->w->o->progress(c->w->o->context, atomic_load(&c->w->done_files), atomic_load(&c->w->done_bytes));
}

/* The first file of the next chunk; END is behind its last. */
static size_t take_chunk(struct stage_work *w, size_t *end)
{
	size_t first = atomic_load(&w->next);

	do {
		int64_t bytes = 0;

		for (*end = first; *end < w->file_count && *end - first < CHUNK_FILES && bytes < CHUNK_BYTES; (*end)++)
			bytes += file_size(w, w->files[*end].node);
	} while (!atomic_compare_exchange_weak(&w->next, &first, *end));
	return first;
}

/* Take chunks of files until there are none; the thread that REPORTS is the caller's own. */
static void copy_chunks(struct copier *c, bool reports)
{
	struct stage_work *w = c->w;

	while (!atomic_load(&w->failed)) {
		size_t end, first = take_chunk(w, &end);

		if (first == end)
			return;
		for (size_t i = first; i < end; i++) {
			if (copy_one(c, &w->files[i], &c->err) < 0) {
				(void)where(&c->err, w->plan, w->files[i].node);
				atomic_store(&w->failed, true);
				return;
			}
			atomic_fetch_add(&w->done_files, 1);
		}
		if (w->o->stop && atomic_load(w->o->stop)) {
			(void)err_set(&c->err, ERR_STOPPED, "stopped while staging");
			atomic_store(&w->failed, true);
		}
		if (reports)
			report(c);
	}
}

static void copier_init(struct copier *c, struct stage_work *w)
{
	*c = (struct copier){ .w = w, .from_fd = -1, .to_fd = -1, .err = ERR_INIT };
	c->buffer = xmalloc(COPY_BUFFER);
	c->digest = digest_new();
}

static void copier_done(struct copier *c)
{
	auto_closep(&c->from_fd);
	auto_closep(&c->to_fd);
	free(c->buffer);
	digest_free(c->digest);
}

static void *helper_main(void *arg)
{
	copy_chunks(arg, false);
	return NULL;
}

static int copy_all(struct stage_work *w, struct err *err)
{
	AUTO(copier_done) struct copier own, helper;
	pthread_t thread;

	copier_init(&own, w);
	copier_init(&helper, w);

	bool threaded = w->o->threads && (w->file_count > CHUNK_FILES || w->bytes > CHUNK_BYTES) &&
			pthread_create(&thread, NULL, helper_main, &helper) == 0;

	copy_chunks(&own, true);
	if (threaded)
		(void)pthread_join(thread, NULL); /* it was created, so it can be joined */
	if (own.err.kind || helper.err.kind) {
		*err = own.err.kind ? own.err : helper.err;
		return -1;
	}
	return 0;
}

static int stage_steps(struct stage_work *w, struct err *err)
{
	const struct steps *s = &w->a->steps;

	for (uint32_t i = 0; i < s->count; i++)
		if ((s->items[i].kind == STEP_PLACE || s->items[i].kind == STEP_EXCHANGE) && begin_step(w, i, err) < 0)
			return -1;
	if (copy_all(w, err) < 0)
		return -1;
	for (uint32_t i = 0; i < s->count; i++)
		if ((s->items[i].kind == STEP_PLACE || s->items[i].kind == STEP_EXCHANGE) &&
		    !s->items[i].second_name_of && finish_step(w, i, w->a->nodes[i], err) < 0)
			return -1;
	return 0;
}

int stage(const struct plan *plan, struct arrangement *a, const struct stage_options *o,
	  struct staged_identity *identities, struct err *err)
{
	struct stage_work w = { .plan = plan, .a = a, .o = o, .identities = identities };

	int r = stage_steps(&w, err);

	free(w.files);
	return r;
}
