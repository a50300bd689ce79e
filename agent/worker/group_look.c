/* worker/group_look.c - see group_look.h. */
#include "worker/group_look.h"

#include "installer/install.h"
#include "model/names.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_CLEANUP ((size_t)256 * 1024 * 1024)

/* 1: opened; 0: not there. */
static int open_if_there(int dir_fd, const char *name, int *out, struct err *err)
{
	*out = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (dir_fd == AT_FDCWD ? 0 : O_NOFOLLOW));
	if (*out >= 0)
		return 1;
	return errno == ENOENT ? 0 : err_sys(err, "opening folder '%s'", name);
}

int group_look(const char *root, const char *id, struct group *out, struct err *err)
{
	struct group g = { .root_fd = -1, .fd = -1, .instructions_fd = -1 };
	int r;

	if (!name_is_group(id))
		return err_set(err, ERR_USAGE, "'%.200s' " NAME_GROUP_RULE, id);
	r = open_if_there(AT_FDCWD, root, &g.root_fd, err);
	if (r == 1)
		r = open_if_there(g.root_fd, id, &g.fd, err);
	if (r == 1 && open_if_there(g.root_fd, "deployment-instructions", &g.instructions_fd, err) < 0)
		r = -1;
	if (r <= 0) {
		group_done(&g);
		return r;
	}
	g.root = xstrdup(root);
	g.id = xstrdup(id);
	*out = g;
	return 1;
}

bool group_is_locked(int group_fd)
{
	FILE *locks = fopen("/proc/locks", "re");
	unsigned long long inode;
	struct stat st;
	bool found = false;
	char line[256];

	while (locks && fstat(group_fd, &st) == 0 && fgets(line, sizeof(line), locks))
		found |= sscanf(line, "%*d: FLOCK %*s %*s %*d %*x:%*x:%llu", &inode) == 1 && inode == st.st_ino;
	if (locks)
		(void)fclose(locks);
	return found;
}

/* What it did besides is worth reading only where it set SELinux rules. A damaged record is as good as none: then the
 * rules are removed all the same, and only a restore cannot bring them back. */
static void take_over(const struct group *g, const struct str *cleanup, struct group_history *out)
{
	static const char rule[] = "\nsemanage"; /* with its NUL */
	AUTO(str_done) struct str text = STR_INIT(MAX_CLEANUP);
	AUTO_FREE char *name = xasprintf("%s-install.json", g->id);
	struct err ignored = ERR_INIT;
	json_t *instructions = NULL;

	if (cleanup->len && memmem(cleanup->data, cleanup->len, rule, sizeof(rule)) &&
	    fs_read_file(g->instructions_fd, name, &text, &ignored) == 1)
		instructions = json_loadb(str_text(&text), text.len, 0, NULL);
	out->manifest = manifest_from_cleanup(str_text(cleanup), cleanup->len, instructions);
	json_decref(instructions);
}

int group_history_load(const struct group *g, struct group_history *out, struct err *err)
{
	AUTO(str_done) struct str cleanup = STR_INIT(MAX_CLEANUP);
	AUTO_FREE char *name = xasprintf("%s-cleanup", g->id);

	*out = (struct group_history){ 0 };
	if (g->instructions_fd < 0)
		return 0;

	int found = group_pointer(g, GROUP_LAST_SUCCESSFUL, &out->folder, err);

	if (found < 0)
		return -1;
	if (found) {
		AUTO_FD int fd = open(out->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		found = fd < 0 ? 0 : manifest_open(fd, INSTALL_MANIFEST, &out->manifest, err);
		if (found)
			return found < 0 ? err_add(err, "last successful revision '%s'", out->folder) : 0;
	}
	/* a CodeDeploy agent's record, or what is left when the revision's folder was removed by hand */
	found = fs_read_file(g->instructions_fd, name, &cleanup, err);
	if (found == 1)
		take_over(g, &cleanup, out);
	return found < 0 ? -1 : 0;
}

void group_history_done(struct group_history *h)
{
	free(h->folder);
	manifest_free(h->manifest);
	*h = (struct group_history){ 0 };
}
