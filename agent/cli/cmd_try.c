/* cli/cmd_try.c - `slipway try`: the whole lifecycle of a bundle in a folder that is thrown away. */
#include "appspec/lint.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/lint_show.h"
#include "cli/lint_source.h"
#include "cli/local_options.h"
#include "cli/private_folder.h"
#include "cli/try_report.h"
#include "lifecycle/event.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/nearest.h"
#include "util/str.h"
#include "worker/trial.h"
#include "worker/worker_spawn.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define GROUP "try"

static const struct command_spec spec = {
	.name = "try",
	.options = "json keep fail-at",
	.word = WORD_NEEDED,
	.word_name = "folder or archive",
	.usage = "Usage: slipway [--config FILE] [--root DIR] try DIR [--fail-at EVENT] [--keep] [--json]\n"
		 "\n"
		 "Deploys DIR, a folder or an archive, twice into a private folder below $TMPDIR, as you: a first\n"
		 "install, then an upgrade by the same bundle. Every destination lands in that folder, which is gone\n"
		 "at the end. Needs no daemon and no root: owners, groups and 'runas' of other users are left out.\n"
		 "\n"
		 "Hooks run for real, on this host. They see SLIPWAY_TRY=1, and in SLIPWAY_INSTALL_PREFIX where the\n"
		 "destinations are.\n"
		 "\n"
		 "      --fail-at EVENT   deploy once more, let EVENT fail after its work, and show what that looks\n"
		 "                        like and how the old revision comes back\n"
		 "      --keep            leave the folder, and tell where it is\n"
		 "      --json            one JSON document on stdout\n"
		 "  -h, --help            this text\n"
		 "\n"
		 "Exit status: 0 all went as it should (with --fail-at: EVENT failed and the old revision is back),\n"
		 "1 it did not, 2 wrong usage or configuration, 130 or 143 interrupted.\n",
};

struct trying {
	struct client *client;
	struct lint_source lint;
	struct findings not_tried;
	struct private_folder folder;
	char *prefix;
	char *worker;
	char **said; /* warnings, NULL-terminated */
	struct try_phase phases[TRY_PHASES];
	size_t phase_count;
	char *problem;
	int signal;
};

static void trying_done(struct trying *t)
{
	for (size_t i = 0; i < t->phase_count; i++)
		try_phase_done(&t->phases[i]);
	for (char **s = t->said; s && *s; s++)
		free(*s);
	free(t->said);
	free(t->prefix);
	free(t->worker);
	free(t->problem);
	findings_done(&t->not_tried);
	lint_source_done(&t->lint);
}

static int check_event(const char *event, struct err *err)
{
	AUTO(str_done) struct str all = STR_INIT(1024);
	const char *const *order = event_default_order();
	const char *meant;
	size_t n = 0;

	if (!event || event_is_default(event))
		return 0;
	for (; order[n]; n++)
		(void)str_printf(&all, "%s%s", n ? ", " : "", order[n]); /* eleven names fit */
	meant = nearest_name(event, order, n);
	return meant ? err_set(err, ERR_USAGE, "--fail-at '%s' is no lifecycle event: did you mean %s?", event, meant)
		     : err_set(err, ERR_USAGE, "--fail-at '%s' is no lifecycle event: it is one of %s", event,
			       str_text(&all));
}

static int request_of(const struct trying *t, struct deployment *out, struct err *err)
{
	const struct local_options asked = { .location = t->client->options.word, .group = GROUP };

	if (local_options_check(&asked, false, out, err) < 0)
		return -1;
	config_settings(&t->client->config, out->group, &out->settings);
	out->trial = true;
	return 0;
}

/* Before anything runs */

/* 1: go on; 0: there are errors. */
static int lint(struct trying *t, struct err *err)
{
	struct lint_source *l = &t->lint;

	if (lint_source_read(t->client->options.word, l, err) < 0 || l->signal) {
		t->signal = l->signal;
		return l->signal ? err_set(err, ERR_STOPPED, "stopped") : -1;
	}
	if (l->alone)
		return err_set(err, ERR_USAGE,
			       "'%s' is no bundle: name the folder or archive that an appspec.yml lies in", l->path);
	lint_sort(&l->findings);
	if (l->findings.count)
		lint_show_text(stderr, str_text(&l->name), (struct span){ str_text(&l->text), l->text.len },
			       &l->findings, !l->findings.errors);
	return !l->findings.errors;
}

static bool has_hooks(const struct appspec *a, bool of_others)
{
	for (size_t i = 0; i < a->hook_count; i++)
		for (size_t k = 0; k < a->hooks[i].script_count; k++)
			if (!of_others || a->hooks[i].scripts[k].runas)
				return true;
	return false;
}

static void tell_not_tried(struct trying *t)
{
	struct output *o = &t->client->output;

	if (!t->not_tried.count)
		return;
	output_line(o, "not tried, since you are not root:");
	for (size_t i = 0; i < t->not_tried.count; i++)
		output_line(o, "  line %u: %s", t->not_tried.items[i].place.line, t->not_tried.items[i].message);
}

static void tell_hooks(const struct trying *t, const char *login)
{
	struct output *o = &t->client->output;

	if (!has_hooks(t->lint.appspec, false))
		return;
	output_warning(o, "hooks run for real on this host, as %s: what they change outside of %s stays changed", login,
		       t->prefix);
	output_line(o, "  they see SLIPWAY_TRY=1, and that folder in SLIPWAY_INSTALL_PREFIX");
	if (geteuid() == 0)
		output_line(o, "  run as an ordinary user they could do less harm");
}

/* A hook of another user must get to its script; its own folder alone is no secret. */
static int make_folder(struct trying *t, struct err *err)
{
	bool of_others = geteuid() == 0 && has_hooks(t->lint.appspec, true);
	struct statvfs fs;

	if (private_folder_open(of_others ? 0711 : 0700, &t->folder, err) < 0)
		return -1;
	if (has_hooks(t->lint.appspec, false) && statvfs(t->folder.path, &fs) == 0 && fs.f_flag & ST_NOEXEC)
		return err_set(err, ERR_CONFIG,
			       "no hook can run from '%s': its file system is mounted noexec; set TMPDIR to a folder "
			       "elsewhere",
			       t->folder.path);
	t->prefix = xasprintf("%s/root", t->folder.path);
	if (fs_make_path(t->prefix, 0755, err) < 0)
		return -1;
	return fs_chmod_at(AT_FDCWD, t->prefix, 0755) < 0 ? err_sys(err, "setting the mode of '%s'", t->prefix) : 0;
}

/* Phases */

/* True the first time. */
static bool is_news(struct trying *t, const char *text)
{
	size_t n = 0;

	for (; t->said && t->said[n]; n++)
		if (!strcmp(t->said[n], text))
			return false;
	t->said = xrealloc(t->said, (n + 2) * sizeof(*t->said));
	t->said[n] = xstrdup(text);
	t->said[n + 1] = NULL;
	return true;
}

/* A deployment says what lint has said in words of its own. */
static void note_findings(struct trying *t)
{
	const char *name = str_base_name(str_text(&t->lint.name));

	for (size_t i = 0; i < t->lint.findings.count; i++) {
		const struct finding *f = &t->lint.findings.items[i];
		AUTO_FREE char *text = xasprintf("%s line %u: %s", name, f->place.line, f->message);

		(void)is_news(t, text);
	}
}

static void show_end(struct trying *t, struct try_phase *p)
{
	struct output *o = &p->run.output;
	struct deployment_result shown = p->end.result; /* borrowed */

	for (char **w = shown.warnings; w && *w; w++)
		if (is_news(t, *w))
			output_warning(o, "%s", *w);
	shown.warnings = NULL;
	if (shown.status != DEPLOYMENT_SUCCEEDED)
		output_result(o, &p->run.deployment, &shown, t->client->options.keep ? p->run.folder : NULL,
			      t->client->host);
}

/* 1: as it should be; 0: not, t->problem says why; -1: it could not be tried. */
static int run_phase(struct trying *t, const char *name, const char *fail_at, struct err *err)
{
	struct try_phase *p = &t->phases[t->phase_count++];
	struct deployment *d = &p->run.deployment;

	p->name = name;
	output_init(&p->run.output, stderr);
	if (request_of(t, d, err) < 0)
		return -1;
	free(d->settings.deployment_root);
	free(d->settings.install_prefix);
	d->settings.deployment_root = xasprintf("%s/deployment-root", t->folder.path);
	d->settings.install_prefix = xstrdup(t->prefix);
	d->fail_at = fail_at ? xstrdup(fail_at) : NULL;
	output_line(&p->run.output, fail_at ? "%s at %s:" : "%s:", name, fail_at);
	if (try_phase_run(p, t->worker, err) < 0)
		return -1;
	show_end(t, p);

	AUTO_FREE char *why = try_phase_problem(&p->end.result, fail_at);

	t->signal = p->end.signal;
	t->problem = why ? xasprintf("%s: %s", name, why) : NULL;
	return !why && !t->signal;
}

static int run_phases(struct trying *t, struct err *err)
{
	const char *fail_at = t->client->options.fail_at;
	int r = run_phase(t, "first install", NULL, err);

	if (r > 0)
		r = run_phase(t, "upgrade", NULL, err);
	if (r > 0 && fail_at)
		r = run_phase(t, "failure", fail_at, err);
	return r < 0 ? -1 : 0;
}

/* The end */

static int report(struct trying *t, struct err *err)
{
	const struct client_options *o = &t->client->options;
	const struct try_report r = {
		.source = o->word,
		.prefix = t->phase_count ? t->prefix : NULL,
		.folder = o->keep ? t->folder.path : NULL,
		.fail_at = o->fail_at,
		.problem = t->problem,
		.appspec = t->lint.findings.errors ? NULL : t->lint.appspec,
		.findings = &t->lint.findings,
		.not_tried = &t->not_tried,
		.phases = t->phases,
		.phase_count = t->phase_count,
	};
	json_t *document = try_report_json(&r);

	if (o->json && (json_dumpf(document, stdout, JSON_INDENT(2)) < 0 || putchar('\n') == EOF))
		(void)err_sys(err, "writing the document");
	if (!o->json)
		try_report_text(document, stdout);
	json_decref(document);
	return fflush(stdout) ? err_sys(err, "writing the result") : err->kind ? -1 : 0;
}

static int try(struct trying *t, struct err *err)
{
	AUTO(deployment_done) struct deployment d = { 0 };

	if (check_event(t->client->options.fail_at, err) < 0 || request_of(t, &d, err) < 0 ||
	    worker_find(&t->worker, err) < 0)
		return -1;

	int good = lint(t, err);

	if (good < 0)
		return -1;
	if (!good) {
		t->problem = xstrdup("lint has found errors, so nothing was tried");
		return report(t, err);
	}
	note_findings(t);
	trial_take_out(t->lint.appspec, &t->not_tried);
	if (make_folder(t, err) < 0)
		return -1;
	tell_not_tried(t);
	tell_hooks(t, d.requested_by_login ? d.requested_by_login : "you");
	return run_phases(t, err) < 0 ? -1 : report(t, err);
}

int cmd_try(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	AUTO(trying_done) struct trying t = { .client = &c, .folder = { .parent_fd = -1 } };
	struct err err = ERR_INIT;
	int status = client_begin(&spec, cli, argc, argv, &c);

	if (status >= 0)
		return status;
	(void)sigprocmask(SIG_BLOCK, NULL, &t.folder.before);
	if (try(&t, &err) < 0)
		output_error(&c.output, "%s", err.msg);
	status = err.kind ? err_exit_status(err.kind) : t.problem ? 1 : 0;
	err = ERR_INIT;
	if (private_folder_done(&t.folder, c.options.keep && t.phase_count, &err) < 0)
		output_warning(&c.output, "the folder of this try is left: %s", err.msg);
	return t.signal ? 128 + t.signal : status;
}
