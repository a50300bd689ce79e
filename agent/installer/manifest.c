/* installer/manifest.c - the manifest's file: written in one pass, mapped to be read. */
#include "installer/manifest.h"

#include "model/tree.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#define MANIFEST_MAGIC	 0x31464e414d504c53ULL /* "SLPMANF1" as little-endian text */
#define MANIFEST_VERSION 1
#define POOL_MAX	 ((size_t)UINT32_MAX)

struct manifest_header {
	uint64_t magic;
	uint32_t version, count;
	uint64_t pool_len;
	uint32_t crc; /* of the entries and the pool */
	uint32_t reserved;
};

static_assert(sizeof(struct manifest_entry) == 104, "the manifest's entries are a file format");
static_assert(sizeof(struct manifest_header) == 32, "the manifest's header is a file format");

void manifest_free(struct manifest *m)
{
	if (!m)
		return;
	if (m->mapped)
		(void)munmap(m->mapped, m->mapped_len); /* was only read */
	free(m->built);
	free(m->built_pool);
	free(m);
}

static void manifest_freep(struct manifest **m)
{
	manifest_free(*m);
}

const char *manifest_text(const struct manifest *m, uint32_t offset)
{
	return offset ? m->pool + offset : "";
}

const char *manifest_name(const struct manifest *m, uint32_t index)
{
	return manifest_text(m, m->entries[index].name);
}

static bool plain_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

static bool entry_sound(const struct manifest *m, uint32_t i)
{
	const struct manifest_entry *e = &m->entries[i];

	return (i ? e->parent < i : e->parent == 0) && e->name < m->pool_len && e->text < m->pool_len &&
	       e->acl < m->pool_len && e->context < m->pool_len && e->type < TREE_OTHER &&
	       (!i || plain_name(manifest_name(m, i)));
}

/* A file that has the right checksum and still makes no sense was not written by us: trust nothing of it. */
static bool manifest_sound(const struct manifest *m)
{
	if (!m->count || !m->pool_len || m->pool[m->pool_len - 1])
		return false;
	for (uint32_t i = 0; i < m->count; i++)
		if (!entry_sound(m, i))
			return false;
	return true;
}

static int map_manifest(struct manifest *m, int fd, const char *name, struct err *err)
{
	const struct manifest_header *h;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "reading '%s'", name);
	if ((size_t)st.st_size < sizeof(*h))
		return err_set(err, ERR_STATE, "'%s' is damaged: %lld bytes are too few", name, (long long)st.st_size);
	m->mapped_len = (size_t)st.st_size;
	m->mapped = mmap(NULL, m->mapped_len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (m->mapped == MAP_FAILED) {
		m->mapped = NULL;
		return err_sys(err, "mapping '%s'", name);
	}
	h = m->mapped;
	if (h->magic != MANIFEST_MAGIC)
		return err_set(err, ERR_STATE, "'%s' is damaged: it does not start as a manifest does", name);
	if (h->version != MANIFEST_VERSION)
		return err_set(err, ERR_STATE, "'%s' has version %u, this agent knows %d: a newer agent wrote it", name,
			       h->version, MANIFEST_VERSION);

	size_t body = m->mapped_len - sizeof(*h);

	if (h->pool_len > body || (body - h->pool_len) / sizeof(struct manifest_entry) != h->count ||
	    (body - h->pool_len) % sizeof(struct manifest_entry) || h->reserved ||
	    h->crc != crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)(h + 1), body))
		return err_set(err, ERR_STATE, "'%s' is damaged: its checksum is wrong", name);
	m->entries = (const struct manifest_entry *)(h + 1);
	m->count = h->count;
	m->pool = (const char *)(m->entries + m->count);
	m->pool_len = h->pool_len;
	return manifest_sound(m) ? 0 : err_set(err, ERR_STATE, "'%s' is damaged: an entry makes no sense", name);
}

int manifest_open(int dir_fd, const char *name, struct manifest **out, struct err *err)
{
	AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "opening '%s'", name);

	AUTO(manifest_freep) struct manifest *m = xcalloc(1, sizeof(*m));

	if (map_manifest(m, fd, name, err) < 0)
		return -1;
	*out = TAKE_PTR(m);
	return 1;
}

/* Writing */

struct manifest_writer {
	int fd;
	struct str pool, pending;
	uint32_t count;
	uint32_t crc;
	uint32_t last_acl; /* in the pool: most follow one like it */
};

#define PENDING_MAX (64 * 1024)

void manifest_writer_free(struct manifest_writer *w)
{
	if (!w)
		return;
	auto_closep(&w->fd);
	str_done(&w->pool);
	str_done(&w->pending);
	free(w);
}

static int flush_pending(struct manifest_writer *w, struct err *err)
{
	if (!w->pending.len)
		return 0;
	w->crc = (uint32_t)crc32_z(w->crc, (const unsigned char *)w->pending.data, w->pending.len);
	if (fs_write(w->fd, w->pending.data, w->pending.len) < 0)
		return err_sys(err, "writing the manifest");
	str_clear(&w->pending);
	return 0;
}

int manifest_create(int dir_fd, const char *name, struct manifest_writer **out, struct err *err)
{
	AUTO_FD int fd = fs_create(dir_fd, name, O_WRONLY, 0600);
	const struct manifest_header empty = { 0 };

	if (fd < 0)
		return err_sys(err, "creating '%s'", name);
	if (fs_write(fd, &empty, sizeof(empty)) < 0)
		return err_sys(err, "writing '%s'", name);

	struct manifest_writer *w = xcalloc(1, sizeof(*w));

	w->fd = TAKE_FD(fd);
	w->pool = STR_INIT(POOL_MAX);
	w->pending = STR_INIT(2 * PENDING_MAX);
	w->crc = (uint32_t)crc32_z(0, NULL, 0);
	(void)str_append(&w->pool, "", 1); /* offset 0 means none; the pool is empty, so this fits */
	*out = w;
	return 0;
}

static int pool_string(struct manifest_writer *w, const char *s, uint32_t *offset, struct err *err)
{
	*offset = 0;
	if (!s || !*s)
		return 0;
	*offset = (uint32_t)w->pool.len;
	if (str_append(&w->pool, s, strlen(s) + 1) < 0)
		return err_set(err, ERR_STATE, "the names of the manifest pass %zu bytes", POOL_MAX);
	return 0;
}

static int pool_acl(struct manifest_writer *w, const char *acl, uint32_t *offset, struct err *err)
{
	bool again = acl && w->last_acl && !strcmp(w->pool.data + w->last_acl, acl);

	if (!again && pool_string(w, acl, offset, err) < 0)
		return -1;
	if (again)
		*offset = w->last_acl;
	else if (*offset)
		w->last_acl = *offset;
	return 0;
}

int manifest_add(struct manifest_writer *w, struct manifest_entry *entry, const char *name, const char *text,
		 const char *acl, const char *context, struct err *err)
{
	if (pool_string(w, name, &entry->name, err) < 0 || pool_string(w, text, &entry->text, err) < 0 ||
	    pool_acl(w, acl, &entry->acl, err) < 0 || pool_string(w, context, &entry->context, err) < 0)
		return -1;
	(void)str_append(&w->pending, entry, sizeof(*entry)); /* fits: flushed below its limit */
	w->count++;
	return w->pending.len >= PENDING_MAX ? flush_pending(w, err) : 0;
}

int manifest_finish(struct manifest_writer *w, struct err *err)
{
	if (flush_pending(w, err) < 0)
		return -1;
	w->crc = (uint32_t)crc32_z(w->crc, (const unsigned char *)w->pool.data, w->pool.len);

	const struct manifest_header h = {
		.magic = MANIFEST_MAGIC,
		.version = MANIFEST_VERSION,
		.count = w->count,
		.pool_len = w->pool.len,
		.crc = w->crc,
	};

	if (fs_write(w->fd, w->pool.data, w->pool.len) < 0 || fs_pwrite(w->fd, &h, sizeof(h), 0) < 0)
		return err_sys(err, "writing the manifest");
	return 0;
}
