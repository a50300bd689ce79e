/* installer/drift.c - one pass over the manifest, a folder kept open from entry to entry. */
#include "installer/drift.h"

#include "installer/place.h"
#include "model/tree.h"
#include "util/auto.h"
#include "util/digest.h"
#include "util/fs.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define PIECE (256 * 1024)

struct checker {
	const struct manifest *m;
	int dir_fd; /* of the folder looked into last; -1: it is not there, or */
	int hidden; /* why it may not be looked into; 0: it may */
	uint32_t dir;
	bool opened;
	struct digest *digest;
	char *piece;
};

static void checker_done(struct checker *c)
{
	auto_closep(&c->dir_fd);
	digest_free(c->digest);
	free(c->piece);
}

static mode_t type_bits(uint8_t type)
{
	return type == TREE_DIRECTORY ? S_IFDIR : type == TREE_LINK ? S_IFLNK : S_IFREG;
}

unsigned drift_compare(const struct manifest_entry *e, const struct stat *found, bool *reads)
{
	bool known = e->ino || e->type == TREE_DIRECTORY; /* folders have no identity of their own */
	unsigned flags = 0;

	*reads = false;
	if (e->flags & MANIFEST_EDITED)
		return 0; /* kept as somebody made it, whatever that is */
	if ((found->st_mode & S_IFMT) != type_bits(e->type))
		return DRIFT_TYPE;
	if (!known || !e->mode)
		return 0;
	if (e->type != TREE_LINK && (found->st_mode & 07777) != e->mode)
		flags |= DRIFT_MODE;
	if (found->st_uid != e->uid || found->st_gid != e->gid)
		flags |= DRIFT_OWNER;
	if (e->type == TREE_FILE && found->st_size != e->size)
		flags |= DRIFT_CONTENT;
	else if (e->type != TREE_DIRECTORY)
		*reads = found->st_ino != e->ino || fs_nanoseconds(&found->st_mtim) != e->mtime_ns;
	return flags;
}

char *drift_path(const struct manifest *m, uint32_t i)
{
	AUTO_FREE char *path = xstrdup("");

	for (; i; i = m->entries[i].parent) {
		char *longer = xasprintf("/%s%s", manifest_name(m, i), path);

		free(path);
		path = longer;
	}
	return *path ? TAKE_PTR(path) : xstrdup("/");
}

static void enter(struct checker *c, uint32_t dir)
{
	if (c->opened && c->dir == dir)
		return;

	AUTO_FREE char *path = drift_path(c->m, dir);

	auto_closep(&c->dir_fd);
	c->dir_fd = place_open_absolute(path, O_PATH | O_DIRECTORY);
	c->hidden = c->dir_fd < 0 && (errno == EACCES || errno == EPERM) ? errno : 0;
	c->dir = dir;
	c->opened = true;
}

static unsigned compare_link(struct checker *c, const struct manifest_entry *e, const char *name)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(c->dir_fd, name, text, sizeof(text) - 1);

	if (n < 0)
		return DRIFT_UNREADABLE;
	text[n] = '\0';
	return strcmp(text, manifest_text(c->m, e->text)) ? DRIFT_LINK : 0;
}

/* Without a digest a file of the right size that was written to cannot be told from one that only was touched. */
static unsigned compare_content(struct checker *c, const struct manifest_entry *e, const char *name)
{
	AUTO_FD int fd = openat(c->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	unsigned char found[DIGEST_BYTES];
	ssize_t n;

	if (!(e->flags & MANIFEST_HAS_DIGEST))
		return DRIFT_CONTENT;
	if (fd < 0)
		return DRIFT_UNREADABLE;
	if (!c->digest) {
		c->digest = digest_new();
		c->piece = xmalloc(PIECE);
	}
	digest_start(c->digest);
	while ((n = read(fd, c->piece, PIECE)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return DRIFT_UNREADABLE;
		digest_update(c->digest, c->piece, (size_t)n);
	}
	digest_finish(c->digest, found);
	return memcmp(found, e->digest, sizeof(found)) ? DRIFT_CONTENT : 0;
}

static int check_entry(struct checker *c, uint32_t i, struct drift *d, struct err *err)
{
	const struct manifest_entry *e = &c->m->entries[i];
	const char *name = manifest_name(c->m, i);
	bool reads;

	enter(c, e->parent);
	if (c->hidden) {
		errno = c->hidden;
		return err_sys(err, "looking at '%s'", name);
	}
	if (c->dir_fd < 0 || fstatat(c->dir_fd, name, &d->found, AT_SYMLINK_NOFOLLOW) < 0) {
		if (c->dir_fd >= 0 && errno != ENOENT)
			return err_sys(err, "looking at '%s'", name);
		d->flags = DRIFT_MISSING;
		return 0;
	}
	d->flags = drift_compare(e, &d->found, &reads);
	if (reads)
		d->flags |= e->type == TREE_LINK ? compare_link(c, e, name) : compare_content(c, e, name);
	return 0;
}

int drift_check(const struct manifest *m, void (*report)(void *context, const struct drift *d), void *context,
		uint64_t *count, uint64_t *checked, struct err *err)
{
	AUTO(checker_done) struct checker c = { .m = m, .dir_fd = -1 };
	uint64_t deviating = 0, all = 0;

	for (uint32_t i = 1; i < m->count; i++) {
		struct drift d = { .entry = &m->entries[i] };

		if (!(m->entries[i].flags & MANIFEST_OURS))
			continue;
		all++;
		if (check_entry(&c, i, &d, err) < 0)
			return -1;
		if (!d.flags)
			continue;
		deviating++;

		AUTO_FREE char *path = report ? drift_path(m, i) : NULL;

		d.path = path;
		if (report)
			report(context, &d);
	}
	if (count)
		*count = deviating;
	if (checked)
		*checked = all;
	return 0;
}
