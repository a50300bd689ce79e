/* cli/cmd_check.c - `slipway check`: what is installed, compared with what was installed. Reads only, asks no daemon.
 */
#include "appspec/appspec_file.h"
#include "appspec/pattern.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/drift_view.h"
#include "format/json.h"
#include "format/plain.h"
#include "installer/drift.h"
#include "installer/policy.h"
#include "model/names.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"
#include "worker/group_look.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define NOT_READABLE_STATUS 5

static const struct command_spec spec = {
	.name = "check",
	.options = "json group",
	.word = WORD_NONE,
	.usage = "Usage: slipway [--config FILE] [--root DIR] check [--group GROUP] [--json]\n"
		 "\n"
		 "Compares what the last successful deployment of a group installed with what is there now: what\n"
		 "is missing, is of another type, was changed, or has another mode or owner. Files that were edited\n"
		 "and that a RETAIN rule of the appspec keeps are told, and are no drift. Changes nothing, and\n"
		 "needs no daemon.\n"
		 "\n"
		 "  -g, --group GROUP  this group alone (default: all)\n"
		 "      --json         one JSON document on stdout\n"
		 "  -h, --help         this text\n"
		 "\n"
		 "Exit status: 0 as it was installed, 1 there is drift, 2 wrong usage or configuration, or no such\n"
		 "group, 5 something could not be read.\n",
};

struct check {
	struct output *output;
	const struct config *config;
	json_t *groups; /* NULL: told as text */
	bool drift, unreadable;
};

struct checked { /* one group */
	struct check *all;
	const char *group; /* printable */
	struct group_history history;
	struct deployment request; /* of the last successful revision; .id NULL: it has none */
	struct appspec *appspec;   /* its own; NULL: it has none that can be read */
	json_t *drift, *kept;
	uint64_t files, deviating, unreadable;
};

static void checked_done(struct checked *c)
{
	group_history_done(&c->history);
	deployment_done(&c->request);
	appspec_free(c->appspec);
	json_decref(c->drift);
	json_decref(c->kept);
}

/* The appspec of the installed revision, for its rules; without it nothing is excused. */
static void read_appspec(struct checked *c)
{
	AUTO(str_done) struct str text = STR_INIT(APPSPEC_MAX_BYTES);
	AUTO(findings_done) struct findings findings = { 0 };
	AUTO_FREE char *folder = xasprintf("%s/deployment-archive", c->history.folder);
	AUTO_FD int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err ignored = ERR_INIT;
	const char *used;

	if (!group_read_request_of(c->history.folder, &c->request))
		c->request = (struct deployment){ 0 };
	if (fd >= 0 && appspec_file_read(fd, c->request.appspec_filename, &text, &used, &ignored) == 1 &&
	    appspec_parse(str_text(&text), text.len, &c->appspec, &findings, &ignored) < 0)
		c->appspec = NULL;
}

/* The line of the rule that keeps PATH when it is edited; 0: there is none. */
static unsigned keeping_rule(const struct checked *c, const char *path)
{
	const char *prefix = c->request.settings.install_prefix;
	AUTO_FREE char *top = NULL;
	struct err ignored = ERR_INIT;

	if (!c->appspec)
		return 0;
	if (prefix && *prefix && path_canonical(prefix, "/", &top, &ignored) == 0 && str_starts(path, top) &&
	    path[strlen(top)] == '/')
		path += strlen(top);

	const struct appspec_overwrite *rule = policy_rule(c->appspec, path);

	return rule && !rule->policy && rule->behavior == FILE_EXISTS_RETAIN ? rule->place.line : 0;
}

/* An edit is other content, or a link that leads elsewhere (docs/appspec.md); another mode or owner is none. */
static bool is_edit(const struct drift *d)
{
	const unsigned edits = DRIFT_CONTENT | DRIFT_LINK;

	return d->flags & edits && !(d->flags & ~edits);
}

static void say_kept(struct checked *c, const char *path, unsigned line)
{
	json_t *shown = jpath(path);

	if (!c->all->groups && line)
		(void)printf("%s: edited, kept (rule of 'overwrite' in line %u)\n", json_string_value(shown), line);
	else if (!c->all->groups)
		(void)printf("%s: edited, kept\n", json_string_value(shown));
	json_array_append_new(c->kept,
			      json_pack("{s:o, s:o}", "path", shown, "line", line ? json_integer(line) : json_null()));
}

static void say_drift(struct checked *c, const struct drift *d)
{
	json_t *problems = drift_problems(c->history.manifest, d), *problem;
	json_t *path = jpath(d->path);
	size_t i;

	if (!c->all->groups) {
		(void)printf("%s: ", json_string_value(path));
		json_array_foreach(problems, i, problem)(void)
			printf("%s%s", i ? ", " : "", json_string_value(problem));
		(void)putchar('\n');
	}
	json_array_append_new(c->drift, json_pack("{s:o, s:s, s:o}", "path", path, "type", drift_type_name(d->entry),
						  "problems", problems));
}

static void on_drift(void *context, const struct drift *d)
{
	struct checked *c = context;
	unsigned line = is_edit(d) ? keeping_rule(c, d->path) : 0;

	if (line) {
		say_kept(c, d->path, line);
		return;
	}
	c->deviating++;
	c->unreadable += d->flags == DRIFT_UNREADABLE;
	say_drift(c, d);
}

/* What an earlier deployment retained is in the manifest as the revision had it, and marked. */
static void say_retained(struct checked *c)
{
	const struct manifest *m = c->history.manifest;

	for (uint32_t i = 1; i < m->count; i++) {
		struct stat st;

		if (!(m->entries[i].flags & MANIFEST_EDITED))
			continue;

		AUTO_FREE char *path = drift_path(m, i);

		if (lstat(path, &st) == 0)
			say_kept(c, path, keeping_rule(c, path));
	}
}

static const char *summary_word(const struct checked *c)
{
	return !c->history.manifest ? "nothing installed" : c->deviating ? "drift" : "clean";
}

static void say_summary(struct checked *c)
{
	size_t kept = json_array_size(c->kept);
	const char *id = str_base_name(c->history.folder);
	AUTO_FREE char *of = id ? xasprintf(" of %s", id) : xstrdup("");
	AUTO_FREE char *also = kept ? xasprintf("; %zu of them %s edited and %s kept", kept, kept == 1 ? "was" : "were",
						kept == 1 ? "is" : "are")
				    : xstrdup("");

	if (c->all->groups)
		json_array_append_new(c->all->groups,
				      json_pack("{s:s, s:s?, s:s, s:I, s:O, s:O}", "group", c->group, "deployment_id",
						id, "status", summary_word(c), "checked", (json_int_t)c->files, "drift",
						c->drift, "kept", c->kept));
	else if (!c->history.manifest)
		(void)printf("group '%s': nothing is installed%s\n", c->group,
			     c->history.folder ? " that is known: the records of its last revision are gone" : "");
	else if (c->deviating)
		(void)printf("group '%s': %llu of %llu paths%s are not as they were installed%s\n", c->group,
			     (unsigned long long)c->deviating, (unsigned long long)c->files, of, also);
	else
		(void)printf("group '%s': all %llu paths%s are as they were installed%s\n", c->group,
			     (unsigned long long)c->files, of, also);
}

static int compare(struct checked *c, const struct group *g, struct err *err)
{
	if (group_history_load(g, &c->history, err) < 0)
		return -1;
	if (group_is_locked(g->fd))
		output_warning(c->all->output, "a deployment of group '%s' is running: what is told may be half of it",
			       c->group);
	if (!c->history.manifest)
		return 0;
	if (c->history.folder)
		read_appspec(c);
	if (drift_check(c->history.manifest, on_drift, c, NULL, &c->files, err) < 0)
		return -1;
	say_retained(c);
	return 0;
}

static void check_group(struct check *all, const struct group *g)
{
	AUTO_FREE char *shown = plain_path(g->id);
	AUTO(checked_done)
	struct checked c = { .all = all, .group = shown, .drift = json_array(), .kept = json_array() };
	struct err err = ERR_INIT;

	if (compare(&c, g, &err) < 0) {
		output_error(all->output, "group '%s': %s", shown, err.msg);
		all->unreadable = true;
		if (all->groups)
			json_array_append_new(all->groups,
					      json_pack("{s:s, s:s?, s:s, s:o}", "group", shown, "deployment_id",
							str_base_name(c.history.folder), "status", "unreadable",
							"message", jtext(err.msg)));
		return;
	}
	all->drift |= c.deviating > c.unreadable;
	all->unreadable |= c.unreadable > 0;
	say_summary(&c);
}

static int is_group(const struct dirent *e)
{
	return e->d_name[0] != '.' && name_is_group(e->d_name);
}

/* All of them, by name. *COUNT: how many there were. */
static int check_groups(struct check *all, size_t *count, struct err *err)
{
	const char *root = all->config->settings.deployment_root;
	struct dirent **names = NULL;
	int n = scandir(root, &names, is_group, alphasort);

	*count = 0;
	if (n < 0 && errno != ENOENT)
		return err_sys(err, "listing '%s'", root);
	for (int i = 0; i < n; i++) {
		struct err one = ERR_INIT;
		struct group g;
		int r = group_look(root, names[i]->d_name, &g, &one);

		if (r < 0) { /* a file, or not for us to see */
			all->unreadable = true;
			output_error(all->output, "%s", one.msg);
		}
		if (r == 1) {
			check_group(all, &g);
			group_done(&g);
			(*count)++;
		}
		free(names[i]);
	}
	free(names);
	return 0;
}

static int check_one(struct check *all, const char *id, struct err *err)
{
	struct group g;
	int r = group_look(all->config->settings.deployment_root, id, &g, err);

	if (r == 0) {
		AUTO_FREE char *shown = plain_path(id);

		return err_set(err, ERR_USAGE, "nothing was ever deployed to a group '%s' on this host", shown);
	}
	if (r < 0)
		return -1;
	check_group(all, &g);
	group_done(&g);
	return 0;
}

static int end(struct client *c, const struct check *all)
{
	int status = all->drift ? 1 : all->unreadable ? NOT_READABLE_STATUS : 0;

	if (all->groups &&
	    client_print_json(c, json_pack("{s:i, s:b, s:O}", "schema", 1, "clean", !status, "groups", all->groups)))
		return NOT_READABLE_STATUS;
	return status;
}

int cmd_check(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	struct err err = ERR_INIT;
	size_t count = 1;
	int status = client_begin(&spec, cli, argc, argv, &c);

	if (status >= 0)
		return status;

	struct check all = { .output = &c.output, .config = &c.config };

	all.groups = c.options.json ? json_array() : NULL;
	if (c.options.group ? check_one(&all, c.options.group, &err) < 0 : check_groups(&all, &count, &err) < 0) {
		output_error(&c.output, "%s", err.msg);
		status = err.kind == ERR_USAGE ? err_exit_status(err.kind) : NOT_READABLE_STATUS;
	} else {
		if (!count && !all.groups)
			(void)puts("nothing is installed: no deployment group is known on this host");
		status = end(&c, &all);
	}
	json_decref(all.groups);
	return status;
}
