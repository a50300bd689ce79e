/* service_manager.c - a D-Bus daemon of its own and, on it, a stand-in for systemd whose units behave as their names
 * say.
 *
 * usage: service_manager FOLDER	the bus is FOLDER/bus; "ready" is printed; it ends when standard input does
 *
 * What the names do is in the table `characters`; any other unit is not there. FOLDER/calls gets a line for each call
 * that changes something. Whoever has not subscribed is told of no job, as by systemd.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#define MANAGER	 "/org/freedesktop/systemd1"
#define UNITS	 MANAGER "/unit"
#define NAME	 "org.freedesktop.systemd1"
#define LATE_US	 300000
#define CLOCK_US 1700000000000000u /* of a unit's first state */

/* What becomes of a job for a unit, and of a unit that is looked at. */
enum job { JOB_DONE, JOB_LATE, JOB_EARLY, JOB_NEVER, JOB_ENDS_AS, JOB_REFUSED, JOB_UNANSWERED, JOB_DIES };
enum looks { LOOKS_SAME, LOOKS_FLAPPING, LOOKS_SETTLING, LOOKS_DYING, LOOKS_STARTED_ANEW };

static const struct character {
	const char *name;
	enum job job;
	const char *text; /* how it ends, or the name of the error */
	enum looks looks;
	int exit_code, exit_status; /* of the main process, once its job has failed */
	const char *file_state;	    /* at first; NULL: disabled */
} characters[] = {
	{ .name = "ok.service" },
	{ .name = "app@1.service" },
	{ .name = "ok.socket" },
	{ .name = "late.service", .job = JOB_LATE },
	{ .name = "early.service", .job = JOB_EARLY },
	{ .name = "slow.service", .job = JOB_NEVER },
	{ .name = "failing.service", .job = JOB_ENDS_AS, .text = "failed", .exit_code = CLD_EXITED, .exit_status = 3 },
	{ .name = "killed.service", .job = JOB_ENDS_AS, .text = "failed", .exit_code = CLD_KILLED, .exit_status = 9 },
	{ .name = "timeout.service", .job = JOB_ENDS_AS, .text = "timeout" },
	{ .name = "canceled.service", .job = JOB_ENDS_AS, .text = "canceled" },
	{ .name = "dependency.service", .job = JOB_ENDS_AS, .text = "dependency" },
	{ .name = "skipped.service", .job = JOB_ENDS_AS, .text = "skipped" },
	{ .name = "denied.service", .job = JOB_REFUSED, .text = SD_BUS_ERROR_ACCESS_DENIED },
	{ .name = "polite.service", .job = JOB_REFUSED, .text = SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED },
	{ .name = "silent.service", .job = JOB_UNANSWERED },
	{ .name = "fatal.service", .job = JOB_DIES },
	{ .name = "flapping.service", .looks = LOOKS_FLAPPING },
	{ .name = "settling.service", .looks = LOOKS_SETTLING },
	{ .name = "dying.service", .looks = LOOKS_DYING },
	{ .name = "unsteady.service", .looks = LOOKS_STARTED_ANEW },
	{ .name = "static.service", .file_state = "static" },
};
#define COUNT (sizeof(characters) / sizeof(*characters))

struct unit {
	const struct character *is; /* NULL: there is no such unit */
	const char *load, *active, *sub, *result;
	uint32_t main_pid;
	int32_t exit_code, exit_status;
	uint64_t active_enter, active_exit, inactive_enter, inactive_exit;
	unsigned looks;
	bool enabled;
};

static struct unit units[COUNT + 1] = { [COUNT] = { .load = "not-found" } };
static sd_bus *bus;
static sd_event *loop;
static unsigned subscribed, jobs;
static const char *folder;

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "service_manager: %s: %s\n", what, strerror(-r));
	exit(1);
}

static struct unit *unit_of(const char *name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (!strcmp(characters[i].name, name))
			return &units[i];
	return &units[COUNT];
}

/* Each state begins a second after the one before. */
static uint64_t next_time(void)
{
	static uint64_t t = CLOCK_US;

	return t += 1000000;
}

static void make_active(struct unit *u)
{
	u->active = "active";
	u->sub = "running";
	u->result = "success";
	u->main_pid = 4711;
	u->exit_code = u->exit_status = 0;
	u->active_enter = next_time();
}

static void make_inactive(struct unit *u, const char *active, const char *result)
{
	u->active = active;
	u->sub = strcmp(active, "failed") ? "dead" : "failed";
	u->result = result;
	u->main_pid = 0;
	u->exit_code = u->is->exit_code;
	u->exit_status = u->is->exit_status;
	u->inactive_enter = next_time();
}

static void make_activating(struct unit *u, const char *sub)
{
	u->active = "activating";
	u->sub = sub;
	u->inactive_exit = next_time();
}

/* A unit that is looked at goes its way. */
static void look(struct unit *u)
{
	unsigned n = u->looks++;

	if (!u->is)
		return;
	switch (u->is->looks) {
	case LOOKS_SAME:
		break;
	case LOOKS_FLAPPING:
		if (n % 2)
			make_activating(u, "auto-restart");
		else
			make_active(u);
		break;
	case LOOKS_SETTLING:
		if (n < 3)
			make_activating(u, "start");
		else if (n == 3)
			make_active(u);
		break;
	case LOOKS_DYING:
		if (n < 3)
			u->active = "active";
		else
			make_inactive(u, "failed", "exit-code");
		break;
	case LOOKS_STARTED_ANEW:
		make_active(u);
		break;
	}
}

static int log_call(sd_bus_message *m, const char *argument)
{
	char path[4096];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/calls", folder);
	f = fopen(path, "ae");
	must(f ? 0 : -errno, path);
	(void)fprintf(f, "%s%s%s\n", sd_bus_message_get_member(m), *argument ? " " : "", argument);
	return fclose(f);
}

static void job_path(unsigned id, char out[64])
{
	(void)snprintf(out, 64, MANAGER "/job/%u", id);
}

static void tell_removed(unsigned id, const struct unit *u, const char *result)
{
	char path[64];

	job_path(id, path);
	if (subscribed)
		must(sd_bus_emit_signal(bus, MANAGER, NAME ".Manager", "JobRemoved", "uoss", id, path, u->is->name,
					result),
		     "JobRemoved");
}

static void finish(unsigned id, struct unit *u, const char *method)
{
	const char *result = u->is->job == JOB_ENDS_AS ? u->is->text : "done";

	if (!strcmp(result, "failed"))
		make_inactive(u, "failed", u->is->exit_code == CLD_KILLED ? "signal" : "exit-code");
	else if (!strcmp(method, "StopUnit"))
		make_inactive(u, "inactive", "success");
	else if (!strcmp(result, "done") && u->is->looks == LOOKS_SAME && strcmp(method, "ReloadUnit"))
		make_active(u);
	tell_removed(id, u, result);
}

struct late {
	unsigned id;
	struct unit *u;
	char method[32];
};

static int on_late(sd_event_source *source, uint64_t now, void *context)
{
	struct late *l = context;

	(void)source, (void)now;
	finish(l->id, l->u, l->method);
	free(l);
	return 0;
}

static void finish_later(unsigned id, struct unit *u, const char *method)
{
	struct late *l = calloc(1, sizeof(*l));

	must(l ? 0 : -ENOMEM, "late");
	l->id = id;
	l->u = u;
	(void)snprintf(l->method, sizeof(l->method), "%s", method);
	must(sd_event_add_time_relative(loop, NULL, CLOCK_MONOTONIC, LATE_US, 0, on_late, l), "timer");
}

static int no_such_unit(sd_bus_error *e, const char *name)
{
	return sd_bus_error_setf(e, NAME ".NoSuchUnit", "Unit %s not found.", name);
}

static int on_job(sd_bus_message *m, void *context, sd_bus_error *e)
{
	const char *name, *mode, *method = sd_bus_message_get_member(m);
	char path[64];

	(void)context;
	must(sd_bus_message_read(m, "ss", &name, &mode), "arguments");
	must(log_call(m, name), "calls");

	struct unit *u = unit_of(name);

	if (!u->is)
		return no_such_unit(e, name);
	if (u->is->job == JOB_REFUSED)
		return sd_bus_error_set(e, u->is->text, "the text of the refusal");
	if (u->is->job == JOB_UNANSWERED)
		return 1;
	if (u->is->job == JOB_DIES) { /* the bus lives on, as long as this process */
		(void)execlp("cat", "cat", NULL);
		exit(1);
	}

	unsigned id = ++jobs;

	job_path(id, path);
	make_activating(u, "start");
	if (u->is->job == JOB_EARLY)
		finish(id, u, method);
	must(sd_bus_reply_method_return(m, "o", path), "answer");
	if (u->is->job == JOB_LATE)
		finish_later(id, u, method);
	else if (u->is->job == JOB_DONE || u->is->job == JOB_ENDS_AS)
		finish(id, u, method);
	return 1;
}

static int on_subscribe(sd_bus_message *m, void *context, sd_bus_error *e)
{
	(void)context, (void)e;
	subscribed++;
	return sd_bus_reply_method_return(m, "");
}

static int on_load_unit(sd_bus_message *m, void *context, sd_bus_error *e)
{
	const char *name;
	char *path;

	(void)context, (void)e;
	must(sd_bus_message_read(m, "s", &name), "arguments");
	look(unit_of(name));
	must(sd_bus_path_encode(UNITS, name, &path), "path");

	int r = sd_bus_reply_method_return(m, "o", path);

	free(path);
	return r;
}

static int on_reset_failed(sd_bus_message *m, void *context, sd_bus_error *e)
{
	const char *name;

	(void)context;
	must(sd_bus_message_read(m, "s", &name), "arguments");
	must(log_call(m, name), "calls");
	if (!unit_of(name)->is)
		return no_such_unit(e, name);
	make_inactive(unit_of(name), "inactive", "success");
	return sd_bus_reply_method_return(m, "");
}

static int on_reload(sd_bus_message *m, void *context, sd_bus_error *e)
{
	(void)context, (void)e;
	must(log_call(m, ""), "calls");
	return sd_bus_reply_method_return(m, "");
}

static int on_file_state(sd_bus_message *m, void *context, sd_bus_error *e)
{
	const char *name;

	(void)context;
	must(sd_bus_message_read(m, "s", &name), "arguments");

	const struct unit *u = unit_of(name);

	if (!u->is)
		return sd_bus_error_set(e, SD_BUS_ERROR_FILE_NOT_FOUND, "No such file or directory");
	return sd_bus_reply_method_return(m, "s",
					  u->is->file_state ? u->is->file_state
					  : u->enabled	    ? "enabled"
							    : "disabled");
}

/* EnableUnitFiles and DisableUnitFiles, of one unit. */
static int on_unit_files(sd_bus_message *m, void *context, sd_bus_error *e)
{
	bool enable = !strcmp(sd_bus_message_get_member(m), "EnableUnitFiles");
	sd_bus_message *reply = NULL;
	const char *name;

	(void)context;
	must(sd_bus_message_enter_container(m, 'a', "s"), "arguments");
	must(sd_bus_message_read_basic(m, 's', &name), "arguments");
	must(log_call(m, name), "calls");

	struct unit *u = unit_of(name);
	bool changed = u->enabled != enable && u->is && !u->is->file_state;

	if (!u->is)
		return sd_bus_error_setf(e, SD_BUS_ERROR_FILE_NOT_FOUND, "Unit file %s does not exist.", name);
	must(sd_bus_message_new_method_return(m, &reply), "answer");
	if (enable)
		must(sd_bus_message_append(reply, "b", !u->is->file_state), "answer");
	if (changed)
		must(sd_bus_message_append(reply, "a(sss)", 1, enable ? "symlink" : "unlink", "/etc/x", ""), "answer");
	else
		must(sd_bus_message_append(reply, "a(sss)", 0), "answer");
	u->enabled = enable;
	must(sd_bus_send(NULL, reply, NULL), "answer");
	sd_bus_message_unref(reply);
	return 1;
}

#define METHOD(name, in, out, fn) SD_BUS_METHOD(name, in, out, fn, SD_BUS_VTABLE_UNPRIVILEGED)
static const sd_bus_vtable manager_table[] = {
	SD_BUS_VTABLE_START(0),
	METHOD("StartUnit", "ss", "o", on_job),
	METHOD("StopUnit", "ss", "o", on_job),
	METHOD("RestartUnit", "ss", "o", on_job),
	METHOD("TryRestartUnit", "ss", "o", on_job),
	METHOD("ReloadUnit", "ss", "o", on_job),
	METHOD("Subscribe", "", "", on_subscribe),
	METHOD("LoadUnit", "s", "o", on_load_unit),
	METHOD("ResetFailedUnit", "s", "", on_reset_failed),
	METHOD("Reload", "", "", on_reload),
	METHOD("GetUnitFileState", "s", "s", on_file_state),
	METHOD("EnableUnitFiles", "asbb", "ba(sss)", on_unit_files),
	METHOD("DisableUnitFiles", "asb", "a(sss)", on_unit_files),
	SD_BUS_SIGNAL("JobRemoved", "uoss", 0),
	SD_BUS_VTABLE_END,
};

#define PROPERTY(name, type, member) SD_BUS_PROPERTY(name, type, NULL, offsetof(struct unit, member), 0)
static const sd_bus_vtable unit_table[] = {
	SD_BUS_VTABLE_START(0),
	PROPERTY("LoadState", "s", load),
	PROPERTY("ActiveState", "s", active),
	PROPERTY("SubState", "s", sub),
	PROPERTY("ActiveEnterTimestamp", "t", active_enter),
	PROPERTY("ActiveExitTimestamp", "t", active_exit),
	PROPERTY("InactiveEnterTimestamp", "t", inactive_enter),
	PROPERTY("InactiveExitTimestamp", "t", inactive_exit),
	SD_BUS_VTABLE_END,
};
static const sd_bus_vtable service_table[] = {
	SD_BUS_VTABLE_START(0),
	PROPERTY("Result", "s", result),
	PROPERTY("MainPID", "u", main_pid),
	PROPERTY("ExecMainCode", "i", exit_code),
	PROPERTY("ExecMainStatus", "i", exit_status),
	SD_BUS_VTABLE_END,
};

static int find_unit(sd_bus *b, const char *path, const char *interface, void *context, void **found, sd_bus_error *e)
{
	char *name = NULL;
	int r = sd_bus_path_decode(path, UNITS, &name);

	(void)b, (void)context, (void)e;
	if (r <= 0)
		return r;
	*found = unit_of(name);
	/* a unit that is there is of a type, and has the properties of that */
	r = strcmp(interface, NAME ".Service") || strstr(name, ".service");
	free(name);
	return r;
}

/* The daemon dies with this process. */
static pid_t start_bus(const char *config)
{
	int ready[2];
	char byte;

	must(pipe(ready) < 0 ? -errno : 0, "pipe");

	pid_t pid = fork();

	must(pid < 0 ? -errno : 0, "fork");
	if (pid == 0) {
		char fd[32], file[4200];

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(ready[0]);
		(void)snprintf(fd, sizeof(fd), "--print-address=%d", ready[1]);
		(void)snprintf(file, sizeof(file), "--config-file=%s", config);
		(void)execlp("dbus-daemon", "dbus-daemon", "--nofork", "--nopidfile", file, fd, NULL);
		_exit(127);
	}
	(void)close(ready[1]);
	must(read(ready[0], &byte, 1) == 1 ? 0 : -ESRCH, "starting dbus-daemon");
	return pid;
}

static void write_config(const char *path)
{
	FILE *f = fopen(path, "we");

	must(f ? 0 : -errno, path);
	(void)fprintf(f,
		      "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
		      " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
		      "<busconfig><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>\n"
		      "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>"
		      "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy></busconfig>\n",
		      folder);
	must(fclose(f) ? -errno : 0, path);
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source, (void)fd, (void)events, (void)context;
	return sd_event_exit(loop, 0);
}

int main(int argc, char **argv)
{
	char path[4096];

	must(argc == 2 ? 0 : -EINVAL, "a folder is expected");
	folder = argv[1];
	for (size_t i = 0; i < COUNT; i++)
		units[i] = (struct unit){
			.is = &characters[i], .load = "loaded", .active = "inactive", .sub = "dead", .result = "success"
		};
	units[COUNT].active = "inactive";
	units[COUNT].sub = "dead";
	units[COUNT].result = "";
	(void)snprintf(path, sizeof(path), "%s/bus.conf", folder);
	write_config(path);

	pid_t daemon = start_bus(path);

	(void)snprintf(path, sizeof(path), "unix:path=%s/bus", folder);
	(void)setenv("DBUS_SYSTEM_BUS_ADDRESS", path, 1);
	must(sd_event_default(&loop), "event loop");
	must(sd_bus_open_system(&bus), "bus");
	must(sd_bus_attach_event(bus, loop, 0), "bus");
	must(sd_bus_add_object_vtable(bus, NULL, MANAGER, NAME ".Manager", manager_table, NULL), "manager");
	must(sd_bus_add_fallback_vtable(bus, NULL, UNITS, NAME ".Unit", unit_table, find_unit, NULL), "units");
	must(sd_bus_add_fallback_vtable(bus, NULL, UNITS, NAME ".Service", service_table, find_unit, NULL), "services");
	must(sd_bus_request_name(bus, NAME, 0), "name");
	must(sd_event_add_io(loop, NULL, STDIN_FILENO, EPOLLIN, on_input, NULL), "standard input");
	must(puts("ready") < 0 || fflush(stdout) ? -EIO : 0, "standard output");
	must(sd_event_loop(loop), "event loop");
	(void)sd_bus_flush_close_unref(bus);
	(void)sd_event_unref(loop);
	(void)kill(daemon, SIGTERM);
	(void)waitpid(daemon, NULL, 0);
	return 0;
}
