/* tests/unit/bundle_help.h - archives to order, a place to unpack them, and listings to compare. */
#pragma once

#include "bundle/unpack.h"
#include "model/tree.h"
#include "util/auto.h"
#include "util/digest.h"
#include "util/fs.h"
#include "util/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A folder with `bundle` (an archive or a folder), `target` (unpacked into) and `canary` (never touched). */
struct place {
	char *path, *bundle, *canary;
	int fd, target_fd;
	struct digest_index *index;
	struct unpack_options options;
	struct unpack_report report;
	struct err err;
};

static inline int place_remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)where;
	if (type == FTW_D)
		(void)chmod(path, st->st_mode | 0700);
	return 0;
}

static inline int place_remove_all(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

static inline struct place place_new(void)
{
	const char *tmp = getenv("TMPDIR");
	struct place p = { .options = { .max_entries = 1000000, .max_bytes = (uint64_t)20 << 30, .max_ratio = 1000 } };

	p.path = xasprintf("%s/slipway-test.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(p.path));
	assert_int_equal(chmod(p.path, 0777), 0);
	p.bundle = xasprintf("%s/bundle", p.path);
	p.canary = xasprintf("%s/canary", p.path);
	p.fd = open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(p.fd, "target", 0777), 0);
	assert_int_equal(fchmodat(p.fd, "target", 0777, 0), 0);
	p.target_fd = openat(p.fd, "target", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	FILE *canary = fopen(p.canary, "w");

	assert_non_null(canary);
	(void)fputs("untouched", canary);
	assert_int_equal(fclose(canary), 0);
	p.index = digest_index_new();
	p.options.restore_owner = geteuid() == 0;
	return p;
}

static inline void place_done(struct place *p)
{
	(void)close(p->fd);
	(void)close(p->target_fd);
	(void)nftw(p->path, place_remove_one, 32, FTW_PHYS);
	(void)nftw(p->path, place_remove_all, 32, FTW_DEPTH | FTW_PHYS);
	unpack_report_done(&p->report);
	digest_index_free(p->index);
	free(p->path);
	free(p->bundle);
	free(p->canary);
}

static inline int place_unpack(struct place *p)
{
	unpack_report_done(&p->report);
	p->report = (struct unpack_report){ 0 };
	p->err = ERR_INIT;
	return unpack_archive(p->bundle, p->target_fd, &p->options, p->index, &p->report, &p->err);
}

static inline char *place_read(int dir_fd, const char *name)
{
	struct str s = STR_INIT(1 << 20);
	struct err err = ERR_INIT;

	if (fs_read_file(dir_fd, name, &s, &err) < 0)
		fail_msg("%s", err.msg);
	return str_take(&s);
}

/* One line an entry below FOLDER of DIR_FD: type and mode, path, and content (short, or its size) or link text. */
static inline char *place_listing(int dir_fd, const char *folder)
{
	struct str s = STR_INIT(1 << 22);
	struct tree t;
	struct err err = ERR_INIT;
	AUTO_FD int fd = openat(dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	if (tree_scan(fd, 1000000, &t, &err) < 0)
		fail_msg("%s", err.msg);
	for (uint32_t i = 1; i < t.count; i++) {
		AUTO_FREE char *path = tree_path(&t, i);
		const struct tree_entry *e = &t.entries[i];

		(void)str_printf(&s, "%c%04o %s", "dflo"[e->type], e -> mode, path);
		if (e->type == TREE_LINK)
			(void)str_printf(&s, " -> %s", tree_link_text(&t, i));
		if (e->type == TREE_FILE && e->size > 100)
			(void)str_printf(&s, " = %lld bytes", (long long)e->size);
		if (e->type == TREE_FILE && e->size <= 100) {
			AUTO_FREE char *content = place_read(fd, path);

			(void)str_printf(&s, " = %s", content);
		}
		(void)str_add(&s, "\n");
	}
	tree_done(&t);
	return str_take(&s);
}

/* Nothing outside the target changed, and nothing in it was left behind. */
static inline void place_is_clean(const struct place *p)
{
	AUTO_FREE char *target = place_listing(p->fd, "target");
	AUTO_FREE char *canary = place_read(p->fd, "canary");

	assert_string_equal(target, "");
	assert_string_equal(canary, "untouched");
}

/* Every file of `deployment-archive` is in the index, with the right digest. */
static inline void place_is_indexed(const struct place *p)
{
	AUTO_FD int fd = openat(p->target_fd, UNPACK_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct digest *d = digest_new();
	struct tree t;
	struct err err = ERR_INIT;

	assert_int_equal(tree_scan(fd, 1000000, &t, &err), 0);
	for (uint32_t i = 1; i < t.count; i++) {
		unsigned char want[DIGEST_SIZE], have[DIGEST_SIZE];
		AUTO_FREE char *path = tree_path(&t, i);
		AUTO_FD int file = -1;
		char block[65536];
		ssize_t n;

		if (t.entries[i].type != TREE_FILE)
			continue;
		file = openat(fd, path, O_RDONLY | O_CLOEXEC);
		digest_start(d);
		while ((n = read(file, block, sizeof(block))) > 0)
			digest_update(d, block, (size_t)n);
		digest_finish(d, want);
		if (!digest_index_find(p->index, t.entries[i].ino, t.entries[i].size, t.entries[i].ctime_ns, have))
			fail_msg("'%s' is not in the index", path);
		assert_memory_equal(want, have, DIGEST_SIZE);
	}
	tree_done(&t);
	digest_free(d);
}

struct maker {
	struct archive *archive;
	struct archive_entry *entry;
};

/* FORMAT as libarchive names it ("pax", "gnutar", "ustar"), FILTER "none", "gzip" or "zstd". */
static inline struct maker maker_open(const char *path, const char *format, const char *filter)
{
	struct maker m = { archive_write_new(), archive_entry_new() };

	assert_int_equal(archive_write_set_format_by_name(m.archive, format), ARCHIVE_OK);
	if (strcmp(filter, "none") != 0)
		assert_int_equal(archive_write_add_filter_by_name(m.archive, filter), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(m.archive, 1), ARCHIVE_OK);
	assert_int_equal(archive_write_open_filename(m.archive, path), ARCHIVE_OK);
	return m;
}

static inline struct archive_entry *maker_entry(struct maker *m, mode_t type, const char *name, mode_t mode)
{
	archive_entry_clear(m->entry);
	archive_entry_copy_pathname(m->entry, name);
	archive_entry_set_filetype(m->entry, type);
	archive_entry_set_perm(m->entry, mode);
	archive_entry_set_mtime(m->entry, 1000000000, 0);
	archive_entry_set_uid(m->entry, geteuid());
	archive_entry_set_gid(m->entry, getegid());
	return m->entry;
}

static inline void maker_write(struct maker *m, const void *bytes, size_t len)
{
	assert_true(archive_write_header(m->archive, m->entry) >= ARCHIVE_WARN);
	if (len)
		assert_true(archive_write_data(m->archive, bytes, len) == (la_ssize_t)len);
}

static inline void maker_file(struct maker *m, const char *name, mode_t mode, const char *content)
{
	archive_entry_set_size(maker_entry(m, S_IFREG, name, mode), (la_int64_t)strlen(content));
	maker_write(m, content, strlen(content));
}

static inline void maker_folder(struct maker *m, const char *name, mode_t mode)
{
	maker_entry(m, S_IFDIR, name, mode);
	maker_write(m, NULL, 0);
}

static inline void maker_link(struct maker *m, const char *name, const char *text)
{
	archive_entry_copy_symlink(maker_entry(m, S_IFLNK, name, 0777), text);
	maker_write(m, NULL, 0);
}

static inline void maker_hard_link(struct maker *m, const char *name, const char *target)
{
	archive_entry_copy_hardlink(maker_entry(m, S_IFREG, name, 0644), target);
	maker_write(m, NULL, 0);
}

static inline void maker_close(struct maker *m)
{
	assert_int_equal(archive_write_close(m->archive), ARCHIVE_OK);
	archive_write_free(m->archive);
	archive_entry_free(m->entry);
}

/* Puts LEN bytes at PATH. */
static inline void write_bytes(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* Runs BODY in a child that is nobody, when we are root: -1 if it could not, else its result (0..100). */
static inline int as_nobody(int (*body)(struct place *p), struct place *p)
{
	(void)fflush(NULL);

	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (geteuid() == 0 && (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
			_exit(101);
		p->options.restore_owner = false;
		_exit(body(p));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) < 101 ? WEXITSTATUS(status) : -1;
}
