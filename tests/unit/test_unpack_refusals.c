/* tests/unit/test_unpack_refusals.c - what bad archives are told, and that they leave nothing. */
#include "bundle/unpack.h"

#include "bundle_help.h"

#include <errno.h>

/* The bundle is refused with KIND and exactly MESSAGE, by one thread and by two, and nothing is left. */
static void refused(struct place *p, enum err_kind kind, const char *message)
{
	AUTO_FREE char *want = xasprintf("bundle '%s': %s", p->bundle, message);

	for (int threads = 0; threads < 2; threads++) {
		struct err err = ERR_INIT;

		p->options.threads = threads;
		(void)mkdirat(p->target_fd, UNPACK_FOLDER, 0755);
		(void)mkdirat(p->target_fd, UNPACK_FOLDER "/left", 0755);
		(void)mkdirat(p->target_fd, UNPACK_TEMP_FOLDER, 0755);
		assert_int_equal(unpack_archive(p->bundle, p->target_fd, &p->options, p->index, &p->report, &err), -1);
		assert_string_equal(err.msg, want);
		assert_int_equal(err.kind, kind);
		place_is_clean(p);
	}
}

struct hostile {
	const char *why;
	void (*make)(struct maker *m);
	const char *message;
};

static void make_upwards(struct maker *m)
{
	maker_file(m, "../x", 0644, "out");
}

static void make_upwards_inside(struct maker *m)
{
	maker_folder(m, "a", 0755);
	maker_file(m, "a/../../x", 0644, "out");
}

static void make_absolute(struct maker *m)
{
	maker_file(m, "/etc/slipway-was-here", 0644, "out");
}

static void make_through_link(struct maker *m)
{
	maker_link(m, "link", "..");
	maker_file(m, "link/canary", 0644, "out");
}

static void make_through_absolute_link(struct maker *m)
{
	maker_link(m, "link", "/tmp");
	maker_file(m, "link/slipway-was-here", 0644, "out");
}

static void make_through_inner_link(struct maker *m)
{
	maker_folder(m, "real", 0755);
	maker_link(m, "link", "real");
	maker_file(m, "link/deep/file", 0644, "x");
}

static void make_folder_through_link(struct maker *m)
{
	maker_link(m, "a", "../..");
	maker_folder(m, "a/b", 0755);
}

static void make_below_file(struct maker *m)
{
	maker_file(m, "a", 0644, "x");
	maker_file(m, "a/b", 0644, "x");
}

static void make_over_full_folder(struct maker *m)
{
	maker_file(m, "a/b", 0644, "x");
	maker_link(m, "a", "..");
}

static void make_over_root(struct maker *m)
{
	maker_link(m, "./", "..");
}

static void make_hard_link_upwards(struct maker *m)
{
	maker_hard_link(m, "a", "../../canary");
}

static void make_hard_link_absolute(struct maker *m)
{
	maker_hard_link(m, "a", "/etc/passwd");
}

static void make_hard_link_missing(struct maker *m)
{
	maker_hard_link(m, "a", "b");
}

static void make_hard_link_itself(struct maker *m)
{
	maker_file(m, "a", 0644, "x");
	maker_hard_link(m, "a", "./a");
}

static void make_hard_link_through_link(struct maker *m)
{
	maker_link(m, "up", "../..");
	maker_hard_link(m, "a", "up/canary");
}

static void make_hard_link_to_folder(struct maker *m)
{
	maker_folder(m, "d", 0755);
	maker_hard_link(m, "a", "d");
}

static void make_character_device(struct maker *m)
{
	archive_entry_set_rdev(maker_entry(m, S_IFCHR, "null", 0666), 0x103);
	maker_write(m, NULL, 0);
}

static void make_block_device(struct maker *m)
{
	maker_entry(m, S_IFBLK, "disk", 0666);
	maker_write(m, NULL, 0);
}

static void make_pipe(struct maker *m)
{
	maker_entry(m, S_IFIFO, "a/pipe", 0666);
	maker_write(m, NULL, 0);
}

#define PACK "; pack it with 'tar -C FOLDER -czf BUNDLE .'"
#define ONLY "; a bundle holds files, folders and links only: leave it out"

static const struct hostile hostile[] = {
	{ "upwards", make_upwards, "entry '../x' leads out of the bundle by '..'" PACK },
	{ "upwards inside", make_upwards_inside, "entry 'a/../../x' leads out of the bundle by '..'" PACK },
	{ "absolute", make_absolute, "entry '/etc/slipway-was-here' is an absolute path" PACK },
	{ "file through a link that leads out", make_through_link,
	  "entry 'link/canary' leads through a symbolic link of the bundle; pack it where it really lies" },
	{ "file through an absolute link", make_through_absolute_link,
	  "entry 'link/slipway-was-here' leads through a symbolic link of the bundle; pack it where it really lies" },
	{ "file through a link that stays inside", make_through_inner_link,
	  "entry 'link/deep/file' leads through a symbolic link of the bundle; pack it where it really lies" },
	{ "folder through a link", make_folder_through_link,
	  "entry 'a/b' leads through a symbolic link of the bundle; pack it where it really lies" },
	{ "file below a file", make_below_file,
	  "entry 'a/b' lies below something that is no folder in the bundle; pack the bundle again" },
	{ "link over a full folder", make_over_full_folder,
	  "entry 'a' is no folder, but came before as one with files; pack it again" },
	{ "link over the bundle's folder", make_over_root,
	  "entry './' takes the place of the bundle's own folder; pack it again" },
	{ "hard link upwards", make_hard_link_upwards,
	  "entry 'a' is a hard link to '../../canary', which leads out of the bundle by '..'" PACK },
	{ "hard link to an absolute path", make_hard_link_absolute,
	  "entry 'a' is a hard link to '/etc/passwd', which is an absolute path" PACK },
	{ "hard link to nothing", make_hard_link_missing,
	  "entry 'a' is a hard link to 'b', which is not in the bundle before it; pack it again" },
	{ "hard link to itself", make_hard_link_itself,
	  "entry 'a' is a hard link to 'a', which is not in the bundle before it; pack it again" },
	{ "hard link through a link", make_hard_link_through_link,
	  "entry 'a' is a hard link to 'up/canary', which is not in the bundle before it; pack it again" },
	{ "hard link to a folder", make_hard_link_to_folder,
	  "entry 'a' is a hard link to 'd', which is no file; pack it again" },
	{ "character device", make_character_device, "entry 'null' is a character device" ONLY },
	{ "block device", make_block_device, "entry 'disk' is a block device" ONLY },
	{ "named pipe", make_pipe, "entry 'a/pipe' is a named pipe" ONLY },
};

static void hostile_entries_are_refused_by_name(void **state)
{
	static const struct {
		const char *format, *filter;
	} ways[] = { { "ustar", "none" }, { "pax", "gzip" }, { "gnutar", "zstd" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		print_message("  %s\n", hostile[i].why);
		for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
			AUTO(place_done) struct place p = place_new();
			struct maker m = maker_open(p.bundle, ways[w].format, ways[w].filter);

			maker_file(&m, "appspec.yml", 0644, "version: 0.0\n");
			hostile[i].make(&m);
			maker_file(&m, "later", 0644, "x");
			maker_close(&m);
			refused(&p, ERR_BUNDLE, hostile[i].message);
		}
	}
}

static void links_that_lead_out_are_refused_when_asked_for(void **state)
{
	static const struct {
		const char *name, *text, *message;
	} cases[] = {
		{ "a/l", "../../x",
		  "the link 'a/l' leads out of the bundle, to '../../x', which 'refuse_outside_links' forbids" },
		{ "a/l", "../x",
		  "the link 'a/l' leads out of the bundle, to '../x', which 'refuse_outside_links' forbids" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(place_done) struct place p = place_new();
		struct maker m = maker_open(p.bundle, "pax", "gzip");

		maker_file(&m, "a/appspec.yml", 0644, "");
		maker_link(&m, cases[i].name, cases[i].text);
		maker_close(&m);
		p.options.refuse_outside_links = true;
		refused(&p, ERR_BUNDLE, cases[i].message);
	}
}

static void limits_stop_an_archive_while_it_is_read(void **state)
{
	AUTO(place_done) struct place p = place_new();
	struct maker m = maker_open(p.bundle, "ustar", "gzip");
	AUTO_FREE char *zeros = xcalloc(1, 1 << 20);

	(void)state;
	for (int i = 0; i < 200; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "bomb%d", i);
		archive_entry_set_size(maker_entry(&m, S_IFREG, name, 0644), 1 << 20);
		maker_write(&m, zeros, 1 << 20);
	}
	maker_close(&m);

	p.options.max_entries = 100;
	refused(&p, ERR_BUNDLE, "more than 100 entries, the limit (limits: entries); raise it if so many are right");
	p.options.max_entries = 0;
	p.options.max_bytes = 10 << 20;
	refused(&p, ERR_BUNDLE,
		"it unpacks to more than 10485760 bytes, the limit (limits: unpacked_size); raise it if "
		"that much is right");

	p.options.max_bytes = 0;
	p.options.max_ratio = 100;
	refused(&p, ERR_BUNDLE,
		"it unpacks to more than 100 times its size, the limit (limits: ratio); raise it if that is right");
}

static void a_million_entries_meet_the_limit(void **state)
{
	AUTO(place_done) struct place p = place_new();
	struct maker m = maker_open(p.bundle, "ustar", "gzip");

	(void)state;
	for (int i = 0; i < 5000; i++)
		maker_folder(&m, "same", 0755);
	maker_close(&m);
	p.options.max_entries = 4999;
	refused(&p, ERR_BUNDLE, "more than 4999 entries, the limit (limits: entries); raise it if so many are right");
	p.options.max_entries = 5000;
	assert_int_equal(place_unpack(&p), 0);
}

static void a_size_that_lies_is_bounded_by_what_comes(void **state)
{
	AUTO(place_done) struct place p = place_new();
	struct maker m = maker_open(p.bundle, "pax", "none");

	(void)state;
	/* A sparse file of 1 TiB in a few hundred bytes. */
	archive_entry_set_size(maker_entry(&m, S_IFREG, "huge", 0644), (la_int64_t)1 << 40);
	archive_entry_sparse_add_entry(m.entry, ((la_int64_t)1 << 40) - 4, 4);
	assert_int_equal(archive_write_header(m.archive, m.entry), ARCHIVE_OK);
	archive_write_free(m.archive);
	archive_entry_free(m.entry);
	assert_int_equal(place_unpack(&p), -1);
	assert_int_equal(p.err.kind, ERR_BUNDLE);
	place_is_clean(&p);
}

/* LEN bytes of the good archive in FILTER, in memory. */
static char *good_archive(const char *filter, size_t *len)
{
	AUTO(place_done) struct place p = place_new();
	struct maker m = maker_open(p.bundle, "ustar", filter);
	char content[1200];

	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (char)('a' + (i * i + i / 7) % 26);
	content[sizeof(content) - 1] = '\0';
	maker_file(&m, "appspec.yml", 0644, "version: 0.0\n");
	maker_folder(&m, "d", 0755);
	maker_file(&m, "d/file", 0644, content);
	maker_close(&m);

	FILE *f = fopen(p.bundle, "r");
	char *bytes = xmalloc(65536);

	assert_non_null(f);
	*len = fread(bytes, 1, 65536, f);
	(void)fclose(f);
	return bytes;
}

static void an_archive_cut_anywhere_is_refused(void **state)
{
	static const char *const filters[] = { "none", "gzip", "zstd" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		AUTO(place_done) struct place p = place_new();
		size_t len, end;
		AUTO_FREE char *bytes = good_archive(filters[i], &len);

		/* Of a plain archive the second block of zeros may be missing, as for tar. */
		end = strcmp(filters[i], "none") == 0 ? len - 512 : len;
		print_message("  %s, %zu bytes\n", filters[i], len);
		for (size_t cut = 0; cut < end; cut += cut < end / 512 * 512 && len > 512 ? 64 : 1) {
			write_bytes(p.bundle, bytes, cut);
			p.options.threads = cut % 2;
			if (place_unpack(&p) == 0)
				fail_msg("accepted when cut at %zu", cut);
			assert_int_equal(p.err.kind, ERR_BUNDLE);
			place_is_clean(&p);
		}
		write_bytes(p.bundle, bytes, len);
		assert_int_equal(place_unpack(&p), 0);
	}
}

static void a_flipped_bit_in_gzip_is_noticed(void **state)
{
	AUTO(place_done) struct place p = place_new();
	size_t len, same = 0;
	AUTO_FREE char *bytes = good_archive("gzip", &len);

	(void)state;
	write_bytes(p.bundle, bytes, len);
	assert_int_equal(place_unpack(&p), 0);

	AUTO_FREE char *good = place_listing(p.target_fd, UNPACK_FOLDER);

	for (size_t at = 10; at < len; at++) {
		bytes[at] ^= 0x10;
		write_bytes(p.bundle, bytes, len);
		bytes[at] ^= 0x10;
		if (place_unpack(&p) < 0) {
			assert_int_equal(p.err.kind, ERR_BUNDLE);
			place_is_clean(&p);
			continue;
		}

		/* Some bits fill up bytes, or say the same in another way. */
		AUTO_FREE char *have = place_listing(p.target_fd, UNPACK_FOLDER);

		assert_string_equal(have, good);
		same++;
	}
	assert_in_range(same, 0, 5);
}

static void what_is_cut_or_damaged_is_told_apart(void **state)
{
	AUTO(place_done) struct place p = place_new();
	size_t len;
	AUTO_FREE char *gzip = good_archive("gzip", &len);

	(void)state;
	write_bytes(p.bundle, gzip, len - 1);
	refused(&p, ERR_BUNDLE, "the file is cut short; fetch or pack it again");
	gzip[len - 8] ^= 1;
	write_bytes(p.bundle, gzip, len);
	refused(&p, ERR_BUNDLE, "the file is damaged (gzip: incorrect data check); fetch or pack it again");

	AUTO_FREE char *plain = good_archive("none", &len);

	write_bytes(p.bundle, plain, 2048 + 100);
	refused(&p, ERR_BUNDLE,
		"the archive is damaged or cut short (Truncated tar archive); "
		"fetch or pack it again");
	write_bytes(p.bundle, plain, 1536);
	refused(&p, ERR_BUNDLE, "the archive ends without its end mark: it was cut short; fetch or pack it again");
	plain[1024] ^= 1;
	write_bytes(p.bundle, plain, len);
	refused(&p, ERR_BUNDLE, "the archive is damaged or cut short (Damaged tar archive); fetch or pack it again");
}

#define AGAIN "; supported are tar, tar.gz (tgz), tar.zst and zip: pack it again as one of these"

static void other_formats_are_named(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *message;
	} cases[] = {
		{ "", 0, "the file is empty" },
		{ "PK\x03\x04 and so on", 14,
		  "the zip is damaged, cut short or more than one archive (Not a zip archive); fetch or pack it "
		  "again" },
		{ "BZh91AY&SY", 10, "it is compressed by bzip2" AGAIN },
		{ "\xfd"
		  "7zXZ\0 and so on",
		  16, "it is compressed by xz" AGAIN },
		{ "!<arch>\ndebian-binary", 21, "it is an ar archive (a Debian package?)" AGAIN },
		{ "version: 0.0\nos: linux\n", 23, "it holds no archive" AGAIN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(place_done) struct place p = place_new();

		write_bytes(p.bundle, cases[i].bytes, cases[i].len);
		refused(&p, ERR_BUNDLE, cases[i].message);
	}
}

static void a_zstd_window_over_8_mib_is_refused(void **state)
{
	/* Magic, a frame header without content size, and its window: 2^27 bytes. */
	static const char frame[] = "\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00 and as many bytes as a header may have";
	AUTO(place_done) struct place p = place_new();

	(void)state;
	write_bytes(p.bundle, frame, sizeof(frame) - 1);
	refused(&p, ERR_BUNDLE,
		"it needs a zstd window of 128 MiB, the limit is 8 MiB; pack it without --long or --ultra");
}

static void a_bundle_that_is_not_there_is_a_missing_source(void **state)
{
	AUTO(place_done) struct place p = place_new();

	(void)state;
	refused(&p, ERR_SOURCE, "opening: No such file or directory");
	assert_int_equal(mkfifo(p.bundle, 0600), 0);
	refused(&p, ERR_BUNDLE, "it is no regular file");
}

/* Lets ALLOWED mutating calls pass, then every one fails. */
struct breaker {
	atomic_int allowed;
	int failure;
	enum fs_op op; /* FS_OP_COUNT: any */
};

static int maybe_fail(void *context, const struct fs_call *call)
{
	struct breaker *b = context;

	if (b->op != FS_OP_COUNT && b->op != call->op)
		return 0;
	return atomic_fetch_sub(&b->allowed, 1) <= 0 ? b->failure : 0;
}

static void nothing_after(void *context, const struct fs_call *call, int result)
{
	(void)context, (void)call, (void)result;
}

static void a_full_disk_is_told_and_leaves_nothing(void **state)
{
	static const enum fs_op ops[] = { FS_CREATE, FS_WRITE, FS_MKDIR, FS_SYMLINK, FS_LINK };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ops) * 4; i++) {
		AUTO(place_done) struct place p = place_new();
		struct breaker b = { (int)(i % 2), ENOSPC, ops[i / 4] };
		const struct fs_observer observer = { maybe_fail, nothing_after, &b };
		struct maker m = maker_open(p.bundle, "gnutar", "gzip");
		AUTO_FREE char *big = xcalloc(1, 1000000);

		memset(big, 'x', 999999);
		maker_folder(&m, "d", 0755);
		maker_file(&m, "d/a", 0644, "1");
		maker_file(&m, "d/big", 0644, big);
		maker_link(&m, "l", "d/a");
		maker_link(&m, "l2", "d/a");
		maker_hard_link(&m, "h", "d/a");
		maker_hard_link(&m, "h2", "d/a");
		maker_close(&m);
		p.options.threads = i % 4 > 1;
		fs_observe(&observer);
		assert_int_equal(place_unpack(&p), -1);
		fs_observe(NULL);
		assert_int_equal(p.err.kind, ERR_NO_SPACE);
		assert_non_null(strstr(p.err.msg, "No space left on device"));
		place_is_clean(&p);
	}
}

static void any_failing_call_leaves_nothing(void **state)
{
	(void)state;
	for (int allowed = 0;; allowed++) {
		AUTO(place_done) struct place p = place_new();
		struct breaker b = { allowed, EIO, FS_OP_COUNT };
		const struct fs_observer observer = { maybe_fail, nothing_after, &b };
		struct maker m = maker_open(p.bundle, "gnutar", "gzip");

		maker_folder(&m, "r", 0755);
		maker_file(&m, "r/appspec.yml", 0644, "1");
		maker_link(&m, "r/l", "d/a");
		maker_hard_link(&m, "r/h", "r/appspec.yml");
		maker_close(&m);
		fs_observe(&observer);

		int done = place_unpack(&p);

		fs_observe(NULL);
		if (done == 0) {
			print_message("  %d calls\n", allowed);
			break;
		}
		assert_string_not_equal(p.err.msg, "");
		/* The disk does not let itself be cleaned; with the disk back, the next attempt does it. */
		assert_int_equal(place_unpack(&p), 0);
		assert_int_equal(faccessat(p.target_fd, UNPACK_TEMP_FOLDER, F_OK, 0), -1);
	}
}

static void it_stops_when_asked(void **state)
{
	AUTO(place_done) struct place p = place_new();
	struct maker m = maker_open(p.bundle, "ustar", "gzip");
	atomic_bool stop = true;

	(void)state;
	maker_file(&m, "a", 0644, "1");
	maker_close(&m);
	p.options.stop = &stop;
	refused(&p, ERR_STOPPED, "stopped while unpacking");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_entries_are_refused_by_name),
		cmocka_unit_test(links_that_lead_out_are_refused_when_asked_for),
		cmocka_unit_test(limits_stop_an_archive_while_it_is_read),
		cmocka_unit_test(a_million_entries_meet_the_limit),
		cmocka_unit_test(a_size_that_lies_is_bounded_by_what_comes),
		cmocka_unit_test(an_archive_cut_anywhere_is_refused),
		cmocka_unit_test(a_flipped_bit_in_gzip_is_noticed),
		cmocka_unit_test(what_is_cut_or_damaged_is_told_apart),
		cmocka_unit_test(other_formats_are_named),
		cmocka_unit_test(a_zstd_window_over_8_mib_is_refused),
		cmocka_unit_test(a_bundle_that_is_not_there_is_a_missing_source),
		cmocka_unit_test(a_full_disk_is_told_and_leaves_nothing),
		cmocka_unit_test(any_failing_call_leaves_nothing),
		cmocka_unit_test(it_stops_when_asked),
	};

	(void)umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
