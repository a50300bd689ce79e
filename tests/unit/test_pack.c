/* tests/unit/test_pack.c - folders become bundles, the same ones every time, and come out as they went in. */
#include "bundle/pack.h"

#include "bundle_help.h"
#include "scratch.h"

#include <sys/socket.h>
#include <sys/un.h>

static void put(const char *folder, const char *name, const char *content, mode_t mode)
{
	AUTO_FREE char *path = xasprintf("%s/%s", folder, name);

	write_bytes(path, content, strlen(content));
	assert_int_equal(chmod(path, mode), 0);
}

static void make_folder(const char *folder, const char *name, mode_t mode)
{
	AUTO_FREE char *path = xasprintf("%s/%s", folder, name);

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* A little of everything; NAME is of a file of its own. */
static char *site(const char *top, const char *name)
{
	char *folder = xasprintf("%s/site", top);
	AUTO_FREE char *run = xasprintf("%s/run", folder);
	AUTO_FREE char *hard = xasprintf("%s/second", folder);
	AUTO_FREE char *first = xasprintf("%s/appspec.yml", folder);

	assert_int_equal(mkdir(folder, 0755), 0);
	put(folder, "appspec.yml", "version: 0.0\nos: linux\n", 0644);
	make_folder(folder, "scripts", 0755);
	put(folder, "scripts/run.sh", "#!/bin/sh\n", 0755);
	put(folder, "scripts.txt", "between the folder and what is in it", 0640);
	put(folder, name, "", 0600);
	make_folder(folder, "empty", 0711);
	assert_int_equal(symlink("scripts/run.sh", run), 0);
	assert_int_equal(link(first, hard), 0);
	return folder;
}

static struct pack_options with(enum pack_type type)
{
	return (struct pack_options){ .type = type, .latest_s = INT64_MAX, .mode = 0644 };
}

static void packs(const char *folder, const char *output, const struct pack_options *options,
		  struct pack_report *report)
{
	struct err err = ERR_INIT;

	if (pack_folder(folder, output, options, report, &err) < 0)
		fail_msg("%s", err.msg);
}

static void what_is_packed_unpacks_to_the_same(void **state)
{
	(void)state;
	for (int type = 0; type < PACK_TYPE_COUNT; type++) {
		const struct pack_options options = with((enum pack_type)type);
		AUTO(scratch_removep) char *top = scratch_new();
		AUTO(place_done) struct place p = place_new();
		/* Latin-1 is no UTF-8; the other has an accent of its own, which must not melt into its letter. */
		AUTO_FREE char *folder = site(top, type == PACK_ZIP ? "e\xcc\x81t\xc3\xa9" : "\xe9t\xe9");
		AUTO_FD int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		AUTO_FREE char *want = place_listing(fd, "site");
		struct pack_report report;

		print_message("  %s\n", pack_type_name(type));
		packs(folder, p.bundle, &options, &report);
		assert_int_equal(report.warnings.count, 0);
		assert_int_equal(report.entries, 8);
		assert_int_equal(report.files, 5);
		if (place_unpack(&p) < 0)
			fail_msg("%s", p.err.msg);

		AUTO_FREE char *have = place_listing(p.target_fd, UNPACK_FOLDER);

		assert_string_equal(have, want);
		assert_int_equal(p.report.warnings.count, 0);
		assert_memory_equal(report.digest, p.report.digest, DIGEST_BYTES);
		pack_report_done(&report);
	}
}

/* The same files made in another order, at another place, with other times. */
static void the_same_folder_becomes_the_same_bytes(void **state)
{
	(void)state;
	for (int type = 0; type < PACK_TYPE_COUNT; type++) {
		struct pack_options options = with((enum pack_type)type);
		struct pack_report first, second;
		AUTO(scratch_removep) char *one = scratch_new();
		AUTO(scratch_removep) char *two = scratch_new();
		AUTO_FREE char *folder = site(one, "a");
		AUTO_FREE char *other = xasprintf("%s/other", two);
		AUTO_FREE char *copy = xasprintf("cp -r '%s' '%s' && chmod 640 '%s/scripts.txt' && chmod 600 '%s/a' && "
						 "chmod 711 '%s/empty'",
						 folder, other, other, other, other);
		AUTO_FREE char *output = xasprintf("%s/out", one);
		AUTO_FREE char *inside = xasprintf("%s/out", other);
		AUTO_FREE char *fresh = xasprintf("rm '%s/run' && ln -s scripts/run.sh '%s/run' && sleep 0.01", other,
						  other);

		print_message("  %s\n", pack_type_name(type));
		options.latest_s = 1000000000;
		assert_int_equal(system(copy), 0);
		assert_int_equal(system(fresh), 0);
		packs(folder, output, &options, &first);
		packs(other, inside, &options, &second);
		assert_memory_equal(first.digest, second.digest, DIGEST_BYTES);
		pack_report_done(&second);
		packs(other, inside, &options, &second); /* now that it is there */
		assert_memory_equal(first.digest, second.digest, DIGEST_BYTES);
		assert_int_equal(second.entries, 8);
		pack_report_done(&first);
		pack_report_done(&second);
	}
}

static void times_are_whole_seconds_and_not_after_the_latest(void **state)
{
	static const struct {
		const char *why;
		int64_t s;
		long ns;
		int64_t want;
	} cases[] = { { "before it", 999999998, 700000000, 999999998 }, { "after it", 1234567890, 0, 1000000000 } };

	(void)state;
	for (int type = 0; type < PACK_TYPE_COUNT; type++)
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			struct pack_options options = with((enum pack_type)type);
			const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
							   { (time_t)cases[i].s, cases[i].ns } };
			AUTO(scratch_removep) char *top = scratch_new();
			AUTO(place_done) struct place p = place_new();
			AUTO_FREE char *file = xasprintf("%s/f", top);
			struct pack_report report;
			struct stat st;

			print_message("  %s, %s\n", pack_type_name(type), cases[i].why);
			options.latest_s = 1000000000;
			put(top, "f", "x", 0644);
			assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
			packs(top, p.bundle, &options, &report);
			pack_report_done(&report);
			assert_int_equal(place_unpack(&p), 0);
			assert_int_equal(fstatat(p.target_fd, UNPACK_FOLDER "/f", &st, 0), 0);
			assert_int_equal(st.st_mtim.tv_sec, cases[i].want);
			assert_int_equal(st.st_mtim.tv_nsec, 0);
		}
}

static int fail_pack(const char *folder, const char *output, enum pack_type type, struct err *err)
{
	const struct pack_options options = with(type);
	struct pack_report report;

	*err = ERR_INIT;
	return pack_folder(folder, output, &options, &report, err);
}

/* Nothing is left of a bundle that failed, and an older one stays. */
static void is_untouched(const char *top, const char *output)
{
	AUTO_FREE char *command = xasprintf("test \"$(ls -A '%s')\" = \"$(printf 'out\\nsite')\"", top);
	AUTO_FD int fd = open(output, O_RDONLY | O_CLOEXEC);
	char content[8] = "";

	assert_int_equal(read(fd, content, sizeof(content)), 3);
	assert_string_equal(content, "old");
	assert_int_equal(system(command), 0);
}

static void what_no_bundle_may_hold_is_refused_by_name(void **state)
{
	static const struct {
		const char *why, *command;
		enum pack_type type;
		const char *message;
	} cases[] = {
		{ "a pipe", "mkfifo site/scripts/p", PACK_TGZ,
		  "entry 'scripts/p' is a named pipe; a bundle holds "
		  "files, folders and links only: leave it out" },
		{ "Latin-1 in a zip", "touch \"site/$(printf 'a\\351')\"", PACK_ZIP,
		  "the name 'a\\xe9' is not UTF-8, which zip cannot hold; rename it or choose a tar type" },
		{ "a backslash in a zip", "touch 'site/a\\b'", PACK_ZIP,
		  "the name 'a\\b' has a backslash, which zip cannot hold; rename it or choose a tar type" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(scratch_removep) char *top = scratch_new();
		AUTO_FREE char *folder = site(top, "a");
		AUTO_FREE char *output = xasprintf("%s/out", top);
		AUTO_FREE char *command = xasprintf("cd '%s' && %s", top, cases[i].command);
		struct err err;

		print_message("  %s\n", cases[i].why);
		put(top, "out", "old", 0644);
		assert_int_equal(system(command), 0);
		assert_int_equal(fail_pack(folder, output, cases[i].type, &err), -1);
		assert_string_equal(err.msg, cases[i].message);
		assert_int_equal(err.kind, ERR_BUNDLE);
		is_untouched(top, output);
	}
}

static void sockets_are_refused_by_name(void **state)
{
	AUTO(scratch_removep) char *top = scratch_new();
	AUTO_FREE char *folder = site(top, "a");
	AUTO_FREE char *output = xasprintf("%s/out", top);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	AUTO_FD int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct err err;

	(void)state;
	put(top, "out", "old", 0644);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/s", folder);
	assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(fail_pack(folder, output, PACK_TAR, &err), -1);
	assert_string_equal(err.msg,
			    "entry 's' is a socket; a bundle holds files, folders and links only: leave it out");
	is_untouched(top, output);
}

struct changer { /* adds to a file of the folder when the bundle is begun */
	const char *path;
	bool done;
};

static int note_nothing(void *context, const struct fs_call *call)
{
	(void)context, (void)call;
	return 0;
}

static void change_when_it_is_begun(void *context, const struct fs_call *call, int result)
{
	struct changer *c = context;

	(void)result;
	if (call->op != FS_CREATE || c->done)
		return;
	c->done = true;

	AUTO_FD int fd = open(c->path, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(write(fd, "more", 4), 4);
}

static void a_file_that_changes_meanwhile_is_noticed(void **state)
{
	(void)state;
	for (int type = 0; type < PACK_TYPE_COUNT; type++) {
		AUTO(scratch_removep) char *top = scratch_new();
		AUTO_FREE char *folder = site(top, "a");
		AUTO_FREE char *output = xasprintf("%s/out", top);
		AUTO_FREE char *path = xasprintf("%s/scripts/run.sh", folder);
		struct changer changer = { .path = path };
		const struct fs_observer observer = { note_nothing, change_when_it_is_begun, &changer };
		struct err err;

		print_message("  %s\n", pack_type_name(type));
		put(top, "out", "old", 0644);
		fs_observe(&observer);

		int r = fail_pack(folder, output, (enum pack_type)type, &err);

		fs_observe(NULL);
		assert_int_equal(r, -1);
		assert_string_equal(err.msg, "'scripts/run.sh' changed while it was packed; pack again when nothing "
					     "writes to it");
		is_untouched(top, output);
	}
}

static int fail_writes(void *context, const struct fs_call *call)
{
	(void)context;
	return call->op == FS_WRITE ? ENOSPC : 0;
}

static void nothing_after(void *context, const struct fs_call *call, int result)
{
	(void)context, (void)call, (void)result;
}

static void a_full_disk_leaves_the_old_bundle(void **state)
{
	static const struct fs_observer observer = { fail_writes, nothing_after, NULL };

	(void)state;
	for (int type = 0; type < PACK_TYPE_COUNT; type++) {
		AUTO(scratch_removep) char *top = scratch_new();
		AUTO_FREE char *folder = site(top, "a");
		AUTO_FREE char *output = xasprintf("%s/out", top);
		struct err err;

		print_message("  %s\n", pack_type_name(type));
		put(top, "out", "old", 0644);
		fs_observe(&observer);

		int r = fail_pack(folder, output, (enum pack_type)type, &err);

		fs_observe(NULL);
		assert_int_equal(r, -1);
		assert_int_equal(err.kind, ERR_NO_SPACE);
		assert_string_equal(err.msg, "writing the bundle: No space left on device");
		is_untouched(top, output);
	}
}

static void a_stop_is_obeyed(void **state)
{
	static const atomic_bool stop = true;

	(void)state;
	for (int type = 0; type < PACK_TYPE_COUNT; type++) {
		AUTO(scratch_removep) char *top = scratch_new();
		AUTO_FREE char *folder = site(top, "a");
		AUTO_FREE char *output = xasprintf("%s/out", top);
		struct pack_options options = with((enum pack_type)type);
		struct pack_report report;
		struct err err = ERR_INIT;

		put(top, "out", "old", 0644);
		options.stop = &stop;
		assert_int_equal(pack_folder(folder, output, &options, &report, &err), -1);
		assert_int_equal(err.kind, ERR_STOPPED);
		is_untouched(top, output);
	}
}

static void special_bits_stay_in_tar_and_are_told_for_zip(void **state)
{
	AUTO(scratch_removep) char *top = scratch_new();
	AUTO(place_done) struct place p = place_new();
	struct pack_options options = with(PACK_TAR);
	struct pack_report report;
	struct stat st;

	(void)state;
	make_folder(top, "shared", 02775);
	packs(top, p.bundle, &options, &report);
	assert_int_equal(report.warnings.count, 0);
	pack_report_done(&report);
	assert_int_equal(place_unpack(&p), 0);
	assert_int_equal(fstatat(p.target_fd, UNPACK_FOLDER "/shared", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, geteuid() == 0 ? 02775 : 0775);
	options.type = PACK_ZIP;
	packs(top, p.bundle, &options, &report);
	assert_int_equal(report.warnings.count, 1);
	assert_string_equal(report.warnings.items[0], "zip does not keep the setuid, setgid or sticky bit of 'shared'");
	pack_report_done(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_unpacks_to_the_same),
		cmocka_unit_test(the_same_folder_becomes_the_same_bytes),
		cmocka_unit_test(times_are_whole_seconds_and_not_after_the_latest),
		cmocka_unit_test(what_no_bundle_may_hold_is_refused_by_name),
		cmocka_unit_test(sockets_are_refused_by_name),
		cmocka_unit_test(a_file_that_changes_meanwhile_is_noticed),
		cmocka_unit_test(a_full_disk_leaves_the_old_bundle),
		cmocka_unit_test(a_stop_is_obeyed),
		cmocka_unit_test(special_bits_stay_in_tar_and_are_told_for_zip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
