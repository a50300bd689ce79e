/* What the last install left is read back exactly, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "installer/manifest.h"
#include "model/tree.h"
#include "open_scratch.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define NAME "manifest"

static void manifest_freep(struct manifest **m)
{
	manifest_free(*m);
}

struct item {
	struct manifest_entry entry;
	const char *name, *text, *acl, *context;
};

static const struct item items[] = {
	{ { .type = TREE_DIRECTORY }, "", NULL, NULL, NULL },
	{ { .parent = 0, .type = TREE_DIRECTORY, .flags = MANIFEST_OURS, .mode = 02755, .uid = 1, .gid = 2 },
	  "srv",
	  NULL,
	  "default:user:bob:rwx",
	  "system_u:etc_t:s0:c1.c3" },
	{ { .parent = 1,
	    .type = TREE_FILE,
	    .flags = MANIFEST_OURS | MANIFEST_HAS_DIGEST,
	    .mode = 06755,
	    .uid = UINT32_MAX - 1,
	    .dev = UINT64_MAX,
	    .ino = UINT64_MAX - 1,
	    .size = INT64_MAX,
	    .mtime_ns = -1,
	    .ctime_ns = INT64_MIN,
	    .digest = { 1, 2, 3, [31] = 255 } },
	  "a name\nof \xff bytes ",
	  NULL,
	  NULL,
	  NULL },
	{ { .parent = 1, .type = TREE_LINK, .flags = MANIFEST_OURS, .mode = 0777 }, "l", "../to a\n", NULL, ":t:" },
};

static void write_items(int dir_fd, const struct item *list, size_t count)
{
	struct manifest_writer *w = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(0, manifest_create(dir_fd, NAME, &w, &err));
	for (size_t i = 0; i < count; i++) {
		struct manifest_entry e = list[i].entry;

		assert_int_equal(0,
				 manifest_add(w, &e, list[i].name, list[i].text, list[i].acl, list[i].context, &err));
	}
	assert_int_equal(0, manifest_finish(w, &err));
	manifest_writer_free(w);
}

static char *read_image(int dir_fd, size_t *len)
{
	struct str image = STR_INIT(16 * 1024 * 1024);
	struct err err = ERR_INIT;

	assert_int_equal(1, fs_read_file(dir_fd, NAME, &image, &err));
	*len = image.len;
	return str_take(&image);
}

static void write_image(int dir_fd, const char *image, size_t len)
{
	AUTO_FD int fd = openat(dir_fd, NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(len, write(fd, image, len));
}

static void assert_damaged(int dir_fd)
{
	struct manifest *m = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(-1, manifest_open(dir_fd, NAME, &m, &err));
	assert_int_equal(ERR_STATE, err.kind);
	assert_null(m);
}

static void what_was_written_is_read(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(manifest_freep) struct manifest *m = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, manifest_open(p.fd, NAME, &m, &err));
	write_items(p.fd, items, ARRAY_LEN(items));
	assert_int_equal(1, manifest_open(p.fd, NAME, &m, &err));
	assert_int_equal(ARRAY_LEN(items), m->count);
	for (uint32_t i = 0; i < m->count; i++) {
		struct manifest_entry e = m->entries[i];

		assert_string_equal(items[i].name, manifest_name(m, i));
		assert_string_equal(items[i].text ? items[i].text : "", manifest_text(m, e.text));
		assert_string_equal(items[i].acl ? items[i].acl : "", manifest_text(m, e.acl));
		assert_string_equal(items[i].context ? items[i].context : "", manifest_text(m, e.context));
		e.name = e.text = e.acl = e.context = 0;
		assert_memory_equal(&items[i].entry, &e, sizeof(e));
	}
}

static void a_manifest_of_many_entries_is_read(void **state)
{
	enum { MANY = 5000 };
	AUTO(place_done) struct place p = place_new();
	AUTO(manifest_freep) struct manifest *m = NULL;
	AUTO_FREE struct item *list = xcalloc(MANY, sizeof(*list));
	AUTO_FREE char *names = xcalloc(MANY, 16);
	struct err err = ERR_INIT;

	(void)state;
	list[0].name = "";
	for (uint32_t i = 1; i < MANY; i++) {
		(void)snprintf(names + i * 16, 16, "n%u", i);
		list[i].name = names + i * 16;
		list[i].entry = (struct manifest_entry){ .parent = i / 2, .size = i };
	}
	write_items(p.fd, list, MANY);
	assert_int_equal(1, manifest_open(p.fd, NAME, &m, &err));
	assert_int_equal(MANY, m->count);
	assert_string_equal("n4999", manifest_name(m, 4999));
	assert_int_equal(4999, m->entries[4999].size);
}

static void every_flipped_bit_is_noticed(void **state)
{
	AUTO(place_done) struct place p = place_new();
	size_t len;

	(void)state;
	write_items(p.fd, items, ARRAY_LEN(items));

	AUTO_FREE char *image = read_image(p.fd, &len);

	for (size_t at = 0; at < len; at++)
		for (int bit = 0; bit < 8; bit++) {
			image[at] = (char)(image[at] ^ 1 << bit);
			write_image(p.fd, image, len);
			image[at] = (char)(image[at] ^ 1 << bit);
			assert_damaged(p.fd);
		}
}

static void every_missing_or_added_byte_is_noticed(void **state)
{
	AUTO(place_done) struct place p = place_new();
	size_t len;

	(void)state;
	write_items(p.fd, items, ARRAY_LEN(items));

	AUTO_FREE char *image = read_image(p.fd, &len);

	for (size_t cut = 0; cut < len; cut++) {
		write_image(p.fd, image, cut);
		assert_damaged(p.fd);
	}
	image = xrealloc(image, len + 1);
	image[len] = '\0';
	write_image(p.fd, image, len + 1);
	assert_damaged(p.fd);
}

/* With a checksum that is right: somebody else wrote it, and nothing of it may be believed. */
static const struct {
	const char *why;
	struct item item; /* the second of two */
} nonsense[] = {
	{ "its parent comes later", { { .parent = 1 }, "a", NULL, NULL, NULL } },
	{ "it has no name", { { .parent = 0 }, "", NULL, NULL, NULL } },
	{ "its name leads down", { { .parent = 0 }, "a/b", NULL, NULL, NULL } },
	{ "its name leads nowhere", { { .parent = 0 }, ".", NULL, NULL, NULL } },
	{ "its name leads up", { { .parent = 0 }, "..", NULL, NULL, NULL } },
	{ "it is of no type", { { .parent = 0, .type = TREE_OTHER }, "a", NULL, NULL, NULL } },
};

static void entries_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
		AUTO(place_done) struct place p = place_new();

		print_message("  %s\n", nonsense[i].why);
		write_items(p.fd, (const struct item[]){ items[0], nonsense[i].item }, 2);
		assert_damaged(p.fd);
	}
}

static void a_manifest_of_a_newer_agent_says_so(void **state)
{
	AUTO(place_done) struct place p = place_new();
	struct manifest *m = NULL;
	struct err err = ERR_INIT;
	size_t len;

	(void)state;
	write_items(p.fd, items, ARRAY_LEN(items));

	AUTO_FREE char *image = read_image(p.fd, &len);

	image[8] = 2;
	write_image(p.fd, image, len);
	assert_int_equal(-1, manifest_open(p.fd, NAME, &m, &err));
	assert_int_equal(ERR_STATE, err.kind);
	assert_non_null(strstr(err.msg, "newer agent"));
}

/* Taking over */

static const struct {
	const char *why, *text;
	size_t len;	  /* 0: all of TEXT */
	const char *want; /* paths that are ours, each with a bar behind; in brackets: with a rule */
} cleanups[] = {
	{ "nothing", "", 0, "" },
	{ "one path", "/srv/a\n", 0, "/srv/a|" },
	{ "folders and files", "/srv\n/srv/a\n/srv/b\n", 0, "/srv|/srv/a|/srv/b|" },
	{ "an unfinished last line never happened", "/srv/a\n/srv/b", 0, "/srv/a|" },
	{ "the only line unfinished", "/srv/a", 0, "" },
	{ "semanage lines", "/srv/a\nsemanage\0/srv/a\n/srv/b\n", 30, "[/srv/a]|/srv/b|" },
	{ "a rule of a path with blanks was never made", "/srv/a b\nsemanage\0/srv/a b\n", 27, "/srv/a b|" },
	{ "a semanage line without a path", "/srv/a\nsemanage\0\n", 17, "/srv/a|" },
	{ "an unfinished semanage line", "/srv/a\nsemanage\0/srv/a", 22, "/srv/a|" },
	{ "a NUL within a path", "/srv/a\0b\n/srv/c\n", 16, "/srv/c|" },
	{ "relative paths", "srv/a\n./b\n/c\n", 0, "/c|" },
	{ "the same path twice", "/srv/a\n/srv//a/\n/srv/./a\n", 0, "/srv/a|" },
	{ "paths that lead up", "/srv/../etc/passwd\n/srv/..\n/srv/a\n", 0, "/srv/a|" },
	{ "the root itself", "/\n//\n/.\n", 0, "" },
	{ "empty lines", "\n\n/a\n\n", 0, "/a|" },
	{ "names with blanks and odd bytes", "/srv/ a b \n/srv/\xff\t\n", 0, "/srv/ a b |/srv/\xff\t|" },
	{ "names with dots", "/srv/...\n/srv/..a\n", 0, "/srv/...|/srv/..a|" },
};

static char *path_of(const struct manifest *m, uint32_t i)
{
	if (!i)
		return xstrdup("");

	AUTO_FREE char *parent = path_of(m, m->entries[i].parent);

	return xasprintf("%s/%s", parent, manifest_name(m, i));
}

static void the_cleanup_file_of_another_agent_is_taken_over(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cleanups); i++) {
		size_t len = cleanups[i].len ? cleanups[i].len : strlen(cleanups[i].text);
		AUTO(manifest_freep) struct manifest *m = manifest_from_cleanup(cleanups[i].text, len, NULL);
		struct str ours = STR_INIT(4096);

		print_message("  %s\n", cleanups[i].why);
		assert_true(m->count >= 1);
		for (uint32_t k = 0; k < m->count; k++) {
			AUTO_FREE char *path = path_of(m, k);

			assert_true(k ? m->entries[k].parent < k : m->entries[k].parent == 0);
			assert_int_equal(0, m->entries[k].ino); /* not known: never taken for untouched */
			assert_int_equal(m->entries[k].context != 0, (m->entries[k].flags & MANIFEST_FOREIGN) != 0);
			if (m->entries[k].flags & MANIFEST_OURS)
				(void)str_printf(&ours, m->entries[k].context ? "[%s]|" : "%s|", path);
		}
		assert_string_equal(cleanups[i].want, str_text(&ours));
		str_done(&ours);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(a_manifest_of_many_entries_is_read),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(every_missing_or_added_byte_is_noticed),
		cmocka_unit_test(entries_that_make_no_sense_are_refused),
		cmocka_unit_test(a_manifest_of_a_newer_agent_says_so),
		cmocka_unit_test(the_cleanup_file_of_another_agent_is_taken_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
