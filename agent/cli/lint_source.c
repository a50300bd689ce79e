/* cli/lint_source.c - read what PATH names and collect the findings. */
#include "cli/lint_source.h"

#include "appspec/appspec_file.h"
#include "appspec/lint.h"
#include "cli/lint_lua.h"
#include "cli/unpacked.h"
#include "util/auto.h"
#include "util/fs.h"

#include <fcntl.h>
#include <string.h>

#define MAX_ENTRIES 1000000

void lint_source_done(struct lint_source *l)
{
	str_done(&l->name);
	str_done(&l->text);
	findings_done(&l->findings);
	appspec_free(l->appspec);
}

static bool is_archive(const struct str *text)
{
	static const struct {
		size_t offset;
		const char *magic;
	} kinds[] = { { 0, "\x1f\x8b" },
		      { 0, "PK\x03\x04" },
		      { 0, "\x28\xb5\x2f\xfd" },
		      { 257, "ustar" },
		      { 0, "BZh" },
		      { 0, "\xfd"
			   "7zXZ" } }; /* the worker says which of them can be read */

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t len = strlen(kinds[i].magic);

		if (text->len >= kinds[i].offset + len && !memcmp(text->data + kinds[i].offset, kinds[i].magic, len))
			return true;
	}
	return false;
}

static const struct appspec_place whole = { 0, 0 };

static void parse(struct lint_source *l)
{
	lint_text(str_text(&l->text), l->text.len, l->portable, &l->findings);
	l->appspec = appspec_parse_rest(str_text(&l->text), l->text.len, &l->findings);
	lint_events(l->appspec, &l->findings);
	lint_ready_made(l->appspec, &l->findings);
	if (l->portable)
		lint_portable(l->appspec, &l->findings);
}

/* 1.8.1 reads appspec.yaml for the Install event only. */
static void check_name(struct lint_source *l, const char *used)
{
	if (l->portable && strcmp(used, "appspec.yml"))
		findings_add(&l->findings, FINDING_WARNING, whole,
			     "the CodeDeploy agent 1.8.1 does not find '%s' when it is to run hooks: call it "
			     "appspec.yml",
			     used);
}

static void whole_is_wrong(struct lint_source *l, const char *why)
{
	findings_add(&l->findings, FINDING_ERROR, whole, "%s", why);
}

static int read_folder(struct lint_source *l, int dir_fd, struct err *err)
{
	const char *used = "appspec.yml";
	struct tree tree;
	int r = appspec_file_read(dir_fd, NULL, &l->text, &used, err);

	(void)str_printf(&l->name, "%s%s%s", l->path, str_ends(l->path, "/") ? "" : "/", used);
	if (r < 0 && err->kind != ERR_APPSPEC)
		return -1;
	if (r < 0) {
		whole_is_wrong(l, err->msg);
		return 0;
	}
	if (r == 0) {
		whole_is_wrong(l,
			       "there is no appspec.yml (and no appspec.yaml) at its top: 'slipway init' writes one to "
			       "start from");
		return 0;
	}
	check_name(l, used);
	parse(l);
	if (tree_scan(dir_fd, MAX_ENTRIES, &tree, err) < 0)
		return -1;
	lint_bundle(l->appspec, &tree, dir_fd, l->portable, &l->findings);
	tree_done(&tree);
	lint_lua(l->appspec, dir_fd, &l->findings);
	return 0;
}

static int read_archive(struct lint_source *l, struct err *err)
{
	AUTO(unpacked_done) struct unpacked u;
	int r = unpacked_open(l->path, &u, err);

	l->signal = u.end.signal;
	if (r < 0)
		return -1;
	for (char **w = u.end.unpacked.warnings; w && *w; w++)
		findings_add(&l->findings, FINDING_WARNING, whole, "%s", *w);
	if (u.fd >= 0)
		return read_folder(l, u.fd, err);
	(void)str_add(&l->name, l->path);
	whole_is_wrong(l, u.end.unpacked.message);
	return 0;
}

/* The first bytes of an archive are in l->text. */
static void check_archive(struct lint_source *l)
{
	if (l->portable && l->text.len >= 4 && !memcmp(l->text.data, "\x28\xb5\x2f\xfd", 4))
		findings_add(&l->findings, FINDING_WARNING, whole,
			     "the CodeDeploy agents do not unpack tar.zst: pack it as tgz, tar or zip");
}

static int read_file(struct lint_source *l, int fd, struct err *err)
{
	int r = appspec_file_read_fd(fd, l->path, &l->text, err);

	if (is_archive(&l->text)) {
		check_archive(l);
		str_clear(&l->text);
		*err = ERR_INIT;
		return read_archive(l, err);
	}
	l->alone = true;
	(void)str_add(&l->name, l->path); /* as long as a path can be */
	if (r < 0 && err->kind != ERR_APPSPEC)
		return -1;
	if (r < 0)
		whole_is_wrong(l, err->msg);
	else
		parse(l);
	return 0;
}

int lint_source_read(const char *path, struct lint_source *l, struct err *err)
{
	l->path = path;
	l->name = STR_INIT(8192);
	l->text = STR_INIT(APPSPEC_MAX_BYTES + 16384);

	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "opening '%s'", path);
	if (S_ISDIR(st.st_mode))
		return read_folder(l, fd, err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "'%s' is neither a file nor a folder", path);
	return read_file(l, fd, err);
}
