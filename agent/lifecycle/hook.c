/* lifecycle/hook.c - from a script of the appspec to a process, and from its end to words. */
#include "lifecycle/hook.h"

#include "lifecycle/hook_command.h"
#include "lifecycle/hook_environment.h"
#include "lifecycle/hook_exec.h"
#include "lifecycle/hook_language.h"
#include "lifecycle/hook_report.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/proc.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define AT_LOCATION "Script at specified location: %s"

/* What is executed: everything but the descriptors. */
struct command {
	char *path;
	char *inside;  /* where it lies, from the archive, free of links */
	char *program; /* that is executed in its place (su, sudo); NULL: none */
	struct hook_command start;
	bool is_lua;
	int report, report_in; /* of a Lua script: the ends of a pipe, ours and its; 0: none */
	struct hook_user user;
	struct environment environment;
};

static void command_done(struct command *c)
{
	if (c->report)
		(void)close(c->report);
	if (c->report_in)
		(void)close(c->report_in);
	free(c->path);
	free(c->program);
	free(c->inside);
	hook_command_done(&c->start);
	hook_user_done(&c->user);
	environment_done(&c->environment);
}

/* What messages call the script: the operator of the host is told which file it is. */
static const char *called(const struct hook_run *run)
{
	return run->script->path ? run->script->path : run->script->location;
}

/* Does the text alone climb out, whatever lies on the disk? */
static bool climbs_out(const char *location)
{
	int depth = 0;

	while (*location && depth >= 0) {
		size_t n = strcspn(location, "/");

		if (n == 2 && !memcmp(location, "..", 2))
			depth--;
		else if (n && !(n == 1 && *location == '.'))
			depth++;
		location += n + (location[n] == '/');
	}
	return depth < 0;
}

static int leads_out(const char *location, const char *where, struct err *err)
{
	return err_set(err, ERR_SCRIPT_MISSING, AT_LOCATION " leads out of the bundle%s%s%s", location,
		       where ? " (to '" : "", where ? where : "", where ? "')" : "");
}

/* The script's absolute path, as the reference would spell it; it is a file that really lies in the archive. An
 * operator hook has been looked at by operator_hooks_find(). */
static int resolve(const struct hook_run *run, char **out, char **inside, struct err *err)
{
	if (run->script->path) {
		*out = xstrdup(run->script->path);
		return 0;
	}

	const char *location = run->script->location;
	AUTO_FREE char *path = xasprintf("%s/%s", run->archive_dir, location + strspn(location, "/"));
	AUTO_FREE char *archive = realpath(run->archive_dir, NULL);
	AUTO_FREE char *real = realpath(path, NULL);
	struct stat st;

	if (climbs_out(location))
		return leads_out(location, NULL, err);
	if (!archive || !real) {
		if (archive && errno != ENOENT && errno != ENOTDIR)
			return err_sys(err, "looking at script '%s'", path);
		return err_set(err, ERR_SCRIPT_MISSING, "Script does not exist at specified location: %s", path);
	}

	size_t n = strlen(archive);

	if (strncmp(real, archive, n) != 0 || (real[n] != '/' && real[n] != '\0'))
		return leads_out(location, real, err);
	if (stat(real, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_SCRIPT_FAILED, AT_LOCATION " is not a file", location);
	*inside = xstrdup(real + n + strspn(real + n, "/"));
	*out = TAKE_PTR(path);
	return 0;
}

/* Part of the program; the path is where a reader finds it. */
static void take_ready_made(const struct hook_run *run, struct command *c)
{
	c->path = xasprintf(SLIPWAY_HOOKDIR "/%s.lua", run->script->use);
	c->is_lua = true;
}

/* Lua is read, not executed. Through sudo only an executable comes. */
static int prepare_lua(const struct hook_run *run, struct command *c, struct err *err)
{
	int ends[2];

	if (run->script->sudo && geteuid() != 0)
		return err_set(err, ERR_SCRIPT_FAILED, AT_LOCATION " cannot run through sudo: %s",
			       run->script->location,
			       run->script->use ? "let the agent run as root"
						: "begin it with `#!/usr/bin/slipway hook` and make it executable");
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(err, "making a pipe for a hook");
	c->report = ends[0];
	c->report_in = ends[1];
	return 0;
}

/* The archive may belong to the user of an earlier hook, who could put a link there meanwhile: none is followed. */
static int make_executable(const struct hook_run *run, const struct command *c, struct err *err)
{
	const char *location = run->script->location;
	struct stat st;

	if (run->script->path || faccessat(AT_FDCWD, c->path, X_OK, AT_EACCESS) == 0)
		return 0;
	hook_say(run, AT_LOCATION " is not executable.  Trying to make it executable.", location);

	AUTO_FD int archive = open(run->archive_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int fd = archive < 0 ? -1 : fs_open_beneath(archive, c->inside, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0 || fstat(fd, &st) < 0 || fs_chmod(fd, (st.st_mode & 07777) | 0111) < 0) {
		int sys = errno;

		err_set(err, ERR_SCRIPT_NOT_EXECUTABLE, "Unable to set script at specified location: %s as executable",
			location);
		err->sys = sys;
		return -1;
	}
	return 0;
}

/* How SCRIPT is started. Lua is called by the zygote, which is no program that su could start. */
static enum runas_method method_of(const struct hook_run *run, const struct command *c)
{
	return c->is_lua ? RUNAS_DIRECT : run->deployment->settings.runas_method;
}

/* Whoever is not root can become somebody else by sudo alone; su is asked all the same, PAM may have its reasons. */
static int choose_user(const struct hook_run *run, struct command *c, struct err *err)
{
	const char *location = run->script->location, *name = run->script->runas;
	int found = name ? hook_user_find(name, &c->user, err) : 0;

	if (found < 0)
		return err_add(err, AT_LOCATION, location);
	if (name && !found)
		return err_set(err, ERR_SCRIPT_FAILED, AT_LOCATION " cannot run as user %s: there is no such user",
			       location, name);
	if (name && geteuid() != 0 && c->user.uid != geteuid() && !run->script->sudo && method_of(run, c) != RUNAS_SU)
		return err_set(err, ERR_SCRIPT_FAILED,
			       AT_LOCATION " cannot run as user %s: the agent does not run as root", location, name);
	return 0;
}

static void compose(const struct hook_run *run, struct command *c)
{
	const struct appspec_script *script = run->script;
	enum runas_method method = method_of(run, c);

	hook_command(script, c->path, method, geteuid() == 0, &c->start);
	if (c->start.words[0] != c->path)
		c->start.words[0] = c->program = hook_program(c->start.words[0], getenv("PATH"));
	if (c->is_lua)
		c->start.words[1] = called(run); /* behind the path, which stands alone */
	if (script->use)
		c->start.words[2] = script->use;
	/* su says itself who its user is */
	hook_environment(run, script->runas && method != RUNAS_SU ? &c->user : NULL, environ, &c->environment);
}

/* Why can a script that is there not be started? Adds the likely reason to a text that ends with the kernel's. */
static void add_reason(const char *path, int error, struct str *text)
{
	char first[256];
	AUTO_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, first, sizeof(first) - 1);

	if (error == EACCES)
		(void)str_add(text, " (the user must be allowed to enter every folder above it, and the file system "
				    "must not be mounted noexec)");
	if (error != ENOENT || n < 3 || memcmp(first, "#!", 2) != 0)
		return;
	first[n] = '\0';

	char *name = first + 2 + strspn(first + 2, " \t");

	name[strcspn(name, " \t\n")] = '\0';
	if (str_ends(name, "\r"))
		(void)str_add(text, " (its first line ends with a carriage return: save it with Unix line ends)");
	else if (access(name, F_OK) < 0)
		(void)str_printf(text, " (its interpreter '%s' does not exist)", name);
}

static int not_started(const struct command *c, const struct hook_end *end, const char *location, const char *as,
		       struct err *err)
{
	AUTO(str_done) struct str reason = STR_INIT(512);
	const char *name = strerrorname_np(end->error), *text = strerrordesc_np(end->error);

	if (!c->program && !strcmp(end->step, "executing it"))
		add_reason(c->path, end->error, &reason);
	else if (strcmp(end->step, "executing it") != 0)
		(void)str_printf(&reason, " (while %s)", end->step);
	err_set(err, ERR_SCRIPT_FAILED, AT_LOCATION "%s failed with error Errno::%s with message %s - %s%s", location,
		as, name ? name : "UNKNOWN", text ? text : "unknown error", c->start.words[0], str_text(&reason));
	err->sys = end->error;
	return -1;
}

static int say_status(int status, const char *location, const char *as, struct hook_outcome *out, struct err *err)
{
	if (WIFEXITED(status)) {
		out->exit_code = WEXITSTATUS(status);
		return out->exit_code ? err_set(err, ERR_SCRIPT_FAILED, AT_LOCATION "%s failed with exit code %d",
						location, as, out->exit_code)
				      : 0;
	}
	out->signal = WTERMSIG(status);

	const char *name = sigabbrev_np(out->signal);

	return err_set(err, ERR_SCRIPT_FAILED, AT_LOCATION "%s was killed by signal %d (SIG%s)", location, as,
		       out->signal, name ? name : "?");
}

static int judge(const struct hook_run *run, const struct command *c, const struct hook_end *end,
		 const struct hook_report *report, struct hook_outcome *out, struct err *err)
{
	const char *location = called(run);
	AUTO_FREE char *as = run->script->runas ? xasprintf(" run as user %s", run->script->runas) : xstrdup("");

	out->outputs_left_open = end->outputs_left_open;
	switch (end->kind) {
	case HOOK_NOT_STARTED:
		return not_started(c, end, location, as, err);
	case HOOK_TIMED_OUT:
		return err_set(err, ERR_SCRIPT_TIMED_OUT, AT_LOCATION " failed to complete in %d seconds%s%s", location,
			       run->script->timeout_s, report->message[0] ? "; " : "", report->message);
	case HOOK_STOPPED:
		return err_set(err, ERR_STOPPED, AT_LOCATION " was stopped", location);
	case HOOK_LEFT_OPEN:
		out->exit_code = 0;
		return err_set(err, ERR_OUTPUTS_LEFT_OPEN, AT_LOCATION " failed to close %s%s%s", location,
			       script_stream_name(end->open), end->holders[0] ? ": held by " : "", end->holders);
	case HOOK_ENDED:
		break;
	}
	if (report->message[0] && WIFEXITED(end->status) && WEXITSTATUS(end->status)) {
		out->exit_code = WEXITSTATUS(end->status);
		return err_set(err, ERR_SCRIPT_FAILED, "%s", report->message);
	}
	return say_status(end->status, location, as, out, err);
}

static bool is_stopped(const struct hook_run *run)
{
	return run->stop && atomic_load(run->stop);
}

static int run_script(const struct hook_run *run, struct hook_outcome *out, struct err *err)
{
	AUTO(command_done) struct command c = { 0 };
	struct hook_report report = { 0 };
	struct hook_end end;

	if (is_stopped(run))
		return err_set(err, ERR_STOPPED, AT_LOCATION " was not started: asked to stop", called(run));
	if (run->script->use)
		take_ready_made(run, &c);
	else if (resolve(run, &c.path, &c.inside, err) < 0)
		return -1;
	else
		c.is_lua = hook_is_lua(c.path);
	if ((c.is_lua ? prepare_lua(run, &c, err) : make_executable(run, &c, err)) < 0 || choose_user(run, &c, err) < 0)
		return -1;
	/* the agent may write to it anyway, and need not take over what another user's hook may have made of it */
	if (run->own_fd >= 0 && run->script->runas && geteuid() == 0 &&
	    fs_chown(run->own_fd, c.user.uid, c.user.gid) < 0)
		hook_say(run, "a file for the script cannot be given to its user: %s", strerrordesc_np(errno));
	compose(run, &c);
	script_log_script(run->log, run->script->location);

	struct zygote_request request = { .kind = c.is_lua ? ZYGOTE_CALL : ZYGOTE_EXEC,
					  .argv = c.start.words,
					  .environment = (const char *const *)c.environment.items,
					  .cwd = "/",
					  .change_user = c.start.change_user,
					  .uid = c.user.uid,
					  .gid = c.user.gid,
					  .groups = c.user.groups,
					  .group_count = c.user.group_count,
					  .umask = 022,
					  .report = c.report_in };

	report.fd = c.report;
	report.mask = script_log_mask(run->log);
	if (hook_exec(run, request, c.is_lua ? &report : NULL, &end, err) < 0)
		return err_add(err, AT_LOCATION, called(run));
	(void)snprintf(out->action, sizeof(out->action), "%.*s", (int)sizeof(out->action) - 1, report.action);
	return judge(run, &c, &end, &report, out, err);
}

int hook_run(const struct hook_run *run, struct hook_outcome *out, struct err *err)
{
	int64_t start = proc_clock_ms();

	*out = (struct hook_outcome){ .script = run->script->location, .exit_code = -1 };

	int r = run_script(run, out, err);

	if (r < 0)
		mask_hide_string(script_log_mask(run->log), err->msg);
	out->duration_ms = proc_clock_ms() - start;
	script_log_flush(run->log);
	return r;
}

int hook_event_run(const struct hook_run *run, const struct appspec_hook *hook, struct hook_outcome *out,
		   struct err *err)
{
	struct hook_run one = *run;

	*out = (struct hook_outcome){ .exit_code = -1 };
	script_log_forget(run->log); /* the tail of the event before is not this one's */
	if (!hook || !hook->script_count)
		return 0;
	script_log_event(run->log, run->event);
	for (size_t i = 0; i < hook->script_count; i++) {
		one.script = &hook->scripts[i];
		if (hook_run(&one, out, err) < 0)
			return -1;
	}
	return 0;
}
