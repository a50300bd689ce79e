/* tests/unit/test_copy_folder.c - a bundle that is a folder. */
#include "bundle/copy_folder.h"

#include "bundle_help.h"

static int copy(struct place *p)
{
	unpack_report_done(&p->report);
	p->report = (struct unpack_report){ 0 };
	p->err = ERR_INIT;
	return unpack_folder(p->bundle, p->target_fd, &p->options, p->index, &p->report, &p->err);
}

static void put(struct place *p, const char *name, mode_t mode, const char *content)
{
	AUTO_FREE char *path = xasprintf("%s/%s", p->bundle, name);

	write_bytes(path, content, strlen(content));
	assert_int_equal(chmod(path, mode), 0);
}

static void put_folder(struct place *p, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", p->bundle, name);

	assert_int_equal(mkdir(path, 0755), 0);
}

static void set_mode_and_time(struct place *p, const char *name, mode_t mode)
{
	AUTO_FREE char *path = xasprintf("%s/%s", p->bundle, name);
	const struct timespec times[2] = { { 5, 0 }, { 1234567890, 987654321 } };

	assert_int_equal(chmod(path, mode), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void make_bundle(struct place *p)
{
	put_folder(p, "");
	put_folder(p, "d");
	put_folder(p, "d/empty");
	put_folder(p, "only");
	put(p, "appspec.yml", 0644, "version: 0.0\n");
	put(p, "d/run", 0755, "#!/bin/sh\n");
	put(p, "d/empty_file", 0600, "");
	put(p, "only/appspec.yml", 0666, "");
	assert_int_equal(symlinkat("run", p->fd, "bundle/d/link"), 0);
	assert_int_equal(symlinkat("/nowhere", p->fd, "bundle/out"), 0);
	assert_int_equal(symlinkat("d", p->fd, "bundle/folder_link"), 0);
	set_mode_and_time(p, "d/run", 0751);
	set_mode_and_time(p, "d", 01750);
}

#define LISTING                                                                                                        \
	"f0644 appspec.yml = version: 0.0\n\n"                                                                         \
	"d1750 d\n"                                                                                                    \
	"l0777 folder_link -> d\n"                                                                                     \
	"d0755 only\n"                                                                                                 \
	"l0777 out -> /nowhere\n"                                                                                      \
	"d0755 d/empty\n"                                                                                              \
	"f0600 d/empty_file = \n"                                                                                      \
	"l0777 d/link -> run\n"                                                                                        \
	"f0751 d/run = #!/bin/sh\n\n"                                                                                  \
	"f0666 only/appspec.yml = \n"

static void a_folder_is_copied_as_it_is(void **state)
{
	AUTO(place_done) struct place p = place_new();

	(void)state;
	make_bundle(&p);
	for (int threads = 0; threads < 2; threads++) {
		struct stat st;

		p.options.threads = threads;
		if (copy(&p) < 0)
			fail_msg("%s", p.err.msg);

		AUTO_FREE char *have = place_listing(p.target_fd, UNPACK_FOLDER);
		AUTO_FREE char *beside = place_listing(p.fd, "target");

		assert_string_equal(have, LISTING);
		assert_null(strstr(beside, UNPACK_TEMP_FOLDER));
		place_is_indexed(&p);
		assert_int_equal(p.report.entries, 10);
		assert_int_equal(p.report.files, 4);
		assert_int_equal(p.report.bytes, 23);
		assert_false(p.report.has_digest);
		assert_int_equal(p.report.warnings.count, 1);
		assert_string_equal(p.report.warnings.items[0],
				    "the link 'out' leads out of the bundle, to '/nowhere'");
		assert_int_equal(fstatat(p.target_fd, UNPACK_FOLDER "/d/run", &st, 0), 0);
		assert_int_equal(st.st_mtim.tv_sec, 1234567890);
		assert_int_equal(st.st_mtim.tv_nsec, 987654321);
		assert_int_equal(fstatat(p.target_fd, UNPACK_FOLDER "/d", &st, 0), 0);
		assert_int_equal(st.st_mtim.tv_nsec, 987654321);
	}
}

static void a_folder_with_the_agents_state_in_it_is_copied_without_it(void **state)
{
	AUTO(place_done) struct place p = place_new();

	(void)state;
	make_bundle(&p);
	put_folder(&p, "state");
	put_folder(&p, "state/d-1");
	p.options.threads = true;

	AUTO_FD int own = openat(p.fd, "bundle/state/d-1", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < 2; i++) {
		unpack_report_done(&p.report);
		if (unpack_folder(p.bundle, own, &p.options, p.index, &p.report, &p.err) < 0)
			fail_msg("%s", p.err.msg);

		AUTO_FREE char *have = place_listing(own, ".");

		assert_non_null(strstr(have, "d0755 " UNPACK_FOLDER "/state\n"));
		assert_null(strstr(have, UNPACK_FOLDER "/state/d-1"));
		assert_int_equal(p.report.warnings.count, 2);
		assert_string_equal(
			p.report.warnings.items[0],
			"the agent's own folder 'state/d-1' lies in the bundle and is left out; keep its state "
			"elsewhere");
	}
}

static void refused(struct place *p, enum err_kind kind, const char *message)
{
	for (int threads = 0; threads < 2; threads++) {
		p->options.threads = threads;
		assert_int_equal(copy(p), -1);
		assert_int_equal(p->err.kind, kind);
		assert_non_null(strstr(p->err.msg, message));
		place_is_clean(p);
	}
}

static void what_a_bundle_may_not_hold_is_refused(void **state)
{
	AUTO(place_done) struct place p = place_new();

	(void)state;
	make_bundle(&p);
	p.options.max_entries = 9;
	refused(&p, ERR_BUNDLE, "more than 9 entries, the limit (limits: entries)");
	p.options.max_entries = 10;
	p.options.max_bytes = 22;
	refused(&p, ERR_BUNDLE, "it unpacks to more than 22 bytes, the limit (limits: unpacked_size)");
	p.options.max_bytes = 23;
	p.options.refuse_outside_links = true;
	refused(&p, ERR_BUNDLE,
		"the link 'out' leads out of the bundle, to '/nowhere', which "
		"'refuse_outside_links' forbids");
	p.options.refuse_outside_links = false;
	assert_int_equal(copy(&p), 0);
	p.options.max_entries = 0;
	assert_int_equal(mkfifoat(p.fd, "bundle/d/pipe", 0600), 0);
	refused(&p, ERR_BUNDLE,
		"entry 'd/pipe' is of a kind that is not known; a bundle holds files, folders and links "
		"only: leave it out");
}

static void a_folder_that_is_not_there_is_a_missing_source(void **state)
{
	AUTO(place_done) struct place p = place_new();

	(void)state;
	refused(&p, ERR_SOURCE, "opening bundle '");
	write_bytes(p.bundle, "x", 1);
	refused(&p, ERR_SOURCE, "Not a directory");
}

static void it_stops_when_asked(void **state)
{
	AUTO(place_done) struct place p = place_new();
	atomic_bool stop = true;

	(void)state;
	make_bundle(&p);
	p.options.stop = &stop;
	refused(&p, ERR_STOPPED, "stopped while copying");
}

static int no_space(void *context, const struct fs_call *call)
{
	(void)context;
	return call->op == FS_WRITE ? ENOSPC : 0;
}

static void nothing_after(void *context, const struct fs_call *call, int result)
{
	(void)context, (void)call, (void)result;
}

static void a_full_disk_is_told_and_leaves_nothing(void **state)
{
	const struct fs_observer observer = { no_space, nothing_after, NULL };
	AUTO(place_done) struct place p = place_new();

	(void)state;
	make_bundle(&p);
	fs_observe(&observer);
	p.options.threads = true;
	assert_int_equal(copy(&p), -1);
	fs_observe(NULL);
	assert_int_equal(p.err.kind, ERR_NO_SPACE);
	place_is_clean(&p);
}

static int copy_twice(struct place *p)
{
	return copy(p) < 0 ? 1 : copy(p) < 0 ? 2 : 0;
}

static void folders_that_may_not_be_written_are_copied_without_root(void **state)
{
	AUTO(place_done) struct place p = place_new();
	struct stat st;

	(void)state;
	make_bundle(&p);
	put(&p, "setuid", 04755, "x");
	set_mode_and_time(&p, "d", 0555);
	set_mode_and_time(&p, "d/empty_file", 0444);
	set_mode_and_time(&p, "d/run", 0755);
	set_mode_and_time(&p, "", 0555);
	assert_int_equal(as_nobody(copy_twice, &p), 0);
	assert_int_equal(fstatat(p.target_fd, UNPACK_FOLDER "/d", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0555);
	/* Somebody else's file: its setuid bit would lend our rights. */
	assert_int_equal(fstatat(p.target_fd, UNPACK_FOLDER "/setuid", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, geteuid() == 0 ? 0755 : 04755);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_is_copied_as_it_is),
		cmocka_unit_test(a_folder_with_the_agents_state_in_it_is_copied_without_it),
		cmocka_unit_test(what_a_bundle_may_not_hold_is_refused),
		cmocka_unit_test(a_folder_that_is_not_there_is_a_missing_source),
		cmocka_unit_test(it_stops_when_asked),
		cmocka_unit_test(a_full_disk_is_told_and_leaves_nothing),
		cmocka_unit_test(folders_that_may_not_be_written_are_copied_without_root),
	};

	(void)umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
