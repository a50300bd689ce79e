/* cli/doctor_groups.c - every deployment group: what runs, and whether something is left to be put right.
 *
 * The daemon knows; without it the folders tell (worker/group.h): a deployment with a request and without a result
 * was interrupted, unless somebody holds the group's lock and so is at work.
 */
#include "cli/doctor.h"
#include "format/plain.h"
#include "model/names.h"
#include "util/auto.h"
#include "util/fs.h"
#include "worker/group_look.h"

#include <fcntl.h>
#include <string.h>

#define MAX_RESULT (16 * 1024 * 1024)

struct group_state {
	size_t deployments;
	bool interrupted, needs_recovery, busy;
	char culprit[NAME_MAX + 1]; /* which deployment */
};

static void say_needs_recovery(struct doctor *d, const char *group, const char *id)
{
	doctor_say(d, DOCTOR_ERROR, "group", "slipway explain NeedsRecovery",
		   "'%s' can be neither finished nor undone (%s)", group, id);
}

static void say_known(struct doctor *d, const struct group_view *g)
{
	if (g->needs_recovery)
		say_needs_recovery(d, g->group, g->last_id ? g->last_id : "-");
	else if (g->last_status && !strcmp(g->last_status, "Failed"))
		doctor_say(d, DOCTOR_WARNING, "group", "slipway show ID", "'%s' runs %s; its last deployment %s failed",
			   g->group, g->good_id ? g->good_id : "nothing", g->last_id);
	else
		doctor_say(d, DOCTOR_OK, "group", NULL, "'%s' runs %s%s", g->group,
			   g->good_id ? g->good_id : "nothing yet", g->running ? "; a deployment is running" : "");
}

static bool needs_recovery(int deployment_fd)
{
	AUTO(str_done) struct str text = STR_INIT(MAX_RESULT);
	struct err unsaid = ERR_INIT; /* who may not read it cannot tell */
	json_t *json = fs_read_file(deployment_fd, "result.json", &text, &unsaid) > 0
			       ? json_loadb(str_text(&text), text.len, 0, NULL)
			       : NULL;
	bool needs = json_is_true(json_object_get(json, "needs_recovery"));

	json_decref(json);
	return needs;
}

static void look_at_deployment(int group_fd, const char *id, struct group_state *s)
{
	AUTO_FD int fd = openat(group_fd, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool asked = fd >= 0 && faccessat(fd, "request.json", F_OK, 0) == 0;
	bool ended = asked && faccessat(fd, "result.json", F_OK, 0) == 0;
	bool bad = ended && needs_recovery(fd);

	if (!asked)
		return;
	s->deployments++;
	if (ended && !bad)
		return;
	s->needs_recovery |= bad;
	s->interrupted |= !ended;
	(void)snprintf(s->culprit, sizeof(s->culprit), "%s", id);
}

static void look_at_group(struct doctor *d, int root_fd, const char *name)
{
	AUTO_FD int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *entries = fd >= 0 ? fdopendir(dup(fd)) : NULL;
	struct group_state s = { 0 };
	AUTO_FREE char *group = plain_path(name);

	if (!entries)
		return;
	for (const struct dirent *e; (e = readdir(entries));)
		if (!strncmp(e->d_name, "d-", 2))
			look_at_deployment(fd, e->d_name, &s);
	(void)closedir(entries);
	s.busy = group_is_locked(fd);

	AUTO_FREE char *culprit = plain_path(s.culprit);

	if (s.needs_recovery)
		say_needs_recovery(d, group, culprit);
	else if (s.interrupted && !s.busy)
		doctor_say(d, DOCTOR_WARNING, "group", "the daemon or the next deployment finishes or undoes it",
			   "'%s': deployment %s was interrupted", group, culprit);
	else
		doctor_say(d, DOCTOR_OK, "group", NULL, "'%s': %zu deployments on disk%s", group, s.deployments,
			   s.busy ? "; one is running" : "");
}

static void look_at_folders(struct doctor *d)
{
	AUTO_DIR DIR *entries = opendir(d->config->settings.deployment_root);

	if (!entries) {
		if (errno != ENOENT)
			doctor_say(d, DOCTOR_WARNING, "group", "run it as root", "'%s' cannot be read: %s",
				   d->config->settings.deployment_root, strerrordesc_np(errno));
		return;
	}
	for (const struct dirent *e; (e = readdir(entries));)
		if (e->d_name[0] != '.' && name_is_group(e->d_name))
			look_at_group(d, dirfd(entries), e->d_name);
}

void doctor_groups(struct doctor *d)
{
	if (!d->status.version) {
		look_at_folders(d);
		return;
	}
	for (size_t i = 0; i < d->status.group_count; i++)
		say_known(d, &d->status.groups[i]);
}
