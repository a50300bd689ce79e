/* script/systemd_module.c - slipway-systemd.so: one question to systemd by sd-bus.
 *
 * sd-bus would wait for an answer in one piece; here every wait is a round of at most TICK_MS, so that it can be given
 * up. Calls are therefore asynchronous, and turn() drives them.
 */
#include "script/systemd_module.h"

#include "util/auto.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

#define TICK_MS	     50
#define LAST_LOOK_MS 80 /* past the timeout, for the state that goes into the message */
#define SYSTEMD	     "org.freedesktop.systemd1"
#define MANAGER	     "/org/freedesktop/systemd1"
#define REMEMBERED   16

struct session {
	sd_bus *bus;
	struct systemd_question *q;
	int64_t until_ms;
	char *error; /* of SIZE bytes */
	size_t size;
	bool not_found; /* is what the last error said */
	/* The jobs that ended last, in a ring: ours may end before we are told which it is. */
	struct {
		char job[128], result[32];
	} removed[REMEMBERED];
	size_t removed_count;
};

static int64_t clock_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

__attribute__((format(printf, 3, 4))) static enum systemd_result say(struct session *s, enum systemd_result result,
								     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->error, s->size, fmt, ap);
	va_end(ap);
	return result;
}

__attribute__((format(printf, 2, 3))) static void add(struct session *s, const char *fmt, ...)
{
	size_t len = strlen(s->error);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->error + len, s->size - len, fmt, ap);
	va_end(ap);
}

/* sd-bus itself has failed: a negative errno. */
static enum systemd_result lost(struct session *s, int error)
{
	if (error == -EBADMSG || error == -ENXIO)
		return say(s, SYSTEMD_FAILED, "systemd's answer is not understood");
	if (error == -ENOENT || error == -ECONNREFUSED)
		return say(
			s, SYSTEMD_UNREACHABLE,
			"there is no system bus (%s): this needs a host, or a container, that runs systemd and D-Bus",
			strerror(-error));
	return say(s, SYSTEMD_UNREACHABLE, "the connection to the system bus is lost: %s", strerror(-error));
}

/* Handle what came, or wait a little for it. */
static enum systemd_result turn(struct session *s)
{
	int64_t left = s->until_ms - clock_ms();

	if (s->q->give_up && s->q->give_up(s->q->context))
		return say(s, SYSTEMD_GIVEN_UP, "given up");
	if (left <= 0)
		return say(s, SYSTEMD_LATE, "no answer within %g s", (double)s->q->timeout_ms / 1000);

	int r = sd_bus_process(s->bus, NULL);

	if (r == 0)
		r = sd_bus_wait(s->bus, (uint64_t)(left < TICK_MS ? left : TICK_MS) * 1000);
	return r < 0 && r != -EINTR ? lost(s, r) : SYSTEMD_DONE;
}

/* An error that systemd or the bus has answered. */
static enum systemd_result refused(struct session *s, const sd_bus_error *e)
{
	static const char *const denied[] = { SD_BUS_ERROR_ACCESS_DENIED, SD_BUS_ERROR_AUTH_FAILED,
					      SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED };
	static const char *const absent[] = { SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER };
	const char *text = e->message ? e->message : e->name;

	s->not_found = sd_bus_error_get_errno(e) == ENOENT;
	for (size_t i = 0; i < ARRAY_LEN(denied); i++)
		if (sd_bus_error_has_name(e, denied[i]))
			return say(
				s, SYSTEMD_DENIED,
				"this user may not: %s (run the hook as root, or allow it by a polkit rule for " SYSTEMD
				")",
				text);
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		if (sd_bus_error_has_name(e, absent[i]))
			return say(s, SYSTEMD_UNREACHABLE, "there is no systemd on the system bus: %s", text);
	if (sd_bus_error_has_name(e, SD_BUS_ERROR_NO_REPLY))
		return say(s, SYSTEMD_UNREACHABLE, "the connection to systemd is lost: %s", text);
	return say(s, SYSTEMD_FAILED, "%s", text);
}

static int on_reply(sd_bus_message *m, void *context, sd_bus_error *error)
{
	sd_bus_message **reply = context;

	(void)error;
	*reply = sd_bus_message_ref(m);
	return 1;
}

/* Call METHOD with the arguments that TYPES tells ("": none); the caller unrefs *OUT, which may hold an error. */
static enum systemd_result exchange(struct session *s, const char *path, const char *interface, const char *method,
				    sd_bus_message **out, const char *types, va_list arguments)
{
	AUTO(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	AUTO(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
	enum systemd_result result = SYSTEMD_DONE;
	int r = sd_bus_message_new_method_call(s->bus, &m, SYSTEMD, path, interface, method);

	if (r >= 0)
		r = sd_bus_message_set_auto_start(m, 0); /* what the bus could start is no service manager */
	if (r >= 0 && *types)
		r = sd_bus_message_appendv(m, types, arguments);
	if (r >= 0)
		r = sd_bus_call_async(s->bus, &slot, m, on_reply, out, UINT64_MAX);
	if (r < 0)
		return lost(s, r);
	while (result == SYSTEMD_DONE && !*out)
		result = turn(s);
	return *out ? SYSTEMD_DONE : result;
}

/* The same; an error is no answer. */
static enum systemd_result call(struct session *s, const char *path, const char *interface, const char *method,
				sd_bus_message **out, const char *types, ...)
{
	AUTO(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	va_list ap;

	va_start(ap, types);

	enum systemd_result result = exchange(s, path, interface, method, &reply, types, ap);

	va_end(ap);
	if (result != SYSTEMD_DONE)
		return result;
	if (sd_bus_message_is_method_error(reply, NULL))
		return refused(s, sd_bus_message_get_error(reply));
	if (out)
		*out = TAKE_PTR(reply);
	return SYSTEMD_DONE;
}

#define CALL_MANAGER(s, method, out, ...) call(s, MANAGER, SYSTEMD ".Manager", method, out, __VA_ARGS__)

struct properties {
	struct unit_status status;
	uint64_t active_enter_us, active_exit_us, inactive_enter_us, inactive_exit_us;
};

#define FIELD(name, type, member)                                                                                      \
	{                                                                                                              \
		name, type, offsetof(struct properties, member), sizeof(((struct properties *)NULL)->member)           \
	}

static const struct property {
	const char *name, *type;
	size_t at, size;
} known[] = {
	FIELD("LoadState", "s", status.load),
	FIELD("ActiveState", "s", status.active),
	FIELD("SubState", "s", status.sub),
	FIELD("Result", "s", status.result),
	FIELD("MainPID", "u", status.main_pid),
	FIELD("ExecMainCode", "i", status.exec_code),
	FIELD("ExecMainStatus", "i", status.exec_status),
	FIELD("ActiveEnterTimestamp", "t", active_enter_us),
	FIELD("ActiveExitTimestamp", "t", active_exit_us),
	FIELD("InactiveEnterTimestamp", "t", inactive_enter_us),
	FIELD("InactiveExitTimestamp", "t", inactive_exit_us),
};

/* The variant that is next in M. */
static int read_value(sd_bus_message *m, const struct property *p, struct properties *out)
{
	char *at = (char *)out + p->at;
	const char *text = NULL;
	int r = sd_bus_message_enter_container(m, 'v', p->type);

	if (r < 0)
		return r;
	r = sd_bus_message_read_basic(m, *p->type, *p->type == 's' ? (void *)&text : (void *)at);
	if (r >= 0 && text)
		(void)snprintf(at, p->size, "%s", text);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_pair(sd_bus_message *m, struct properties *out)
{
	const char *name = NULL;
	int r = sd_bus_message_read_basic(m, 's', &name);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(known[i].name, name))
			return read_value(m, &known[i], out);
	return sd_bus_message_skip(m, "v");
}

static int read_properties(sd_bus_message *m, struct properties *out)
{
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = read_pair(m, out);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r;
}

/* As `systemctl status` does. */
static uint64_t since_of(const struct properties *p)
{
	const char *active = p->status.active;

	if (!strcmp(active, "active") || !strcmp(active, "reloading"))
		return p->active_enter_us;
	if (!strcmp(active, "inactive") || !strcmp(active, "failed"))
		return p->inactive_enter_us;
	return !strcmp(active, "activating") ? p->inactive_exit_us : p->active_exit_us;
}

/* A unit that is not loaded is loaded for it, so that it is known whether there is one. */
static enum systemd_result read_status(struct session *s, struct unit_status *out)
{
	AUTO(sd_bus_message_unrefp) sd_bus_message *unit = NULL, *all = NULL;
	struct properties p = { 0 };
	const char *path = NULL;
	enum systemd_result result = CALL_MANAGER(s, "LoadUnit", &unit, "s", s->q->unit);

	if (result != SYSTEMD_DONE)
		return result;

	int r = sd_bus_message_read_basic(unit, 'o', &path);

	if (r < 0)
		return lost(s, r);
	/* "": of all interfaces, of which each type of unit has another one */
	result = call(s, path, "org.freedesktop.DBus.Properties", "GetAll", &all, "s", "");
	if (result != SYSTEMD_DONE)
		return result;
	r = read_properties(all, &p);
	if (r < 0)
		return lost(s, r);
	*out = p.status;
	out->since_us = since_of(&p);
	return SYSTEMD_DONE;
}

static enum systemd_result status(struct session *s)
{
	return read_status(s, &s->q->status);
}

/* WHAT has gone wrong with a job, and how the unit is now. */
static enum systemd_result explain(struct session *s, enum systemd_result result, const char *what)
{
	int64_t last = clock_ms() + LAST_LOOK_MS;
	struct unit_status u = { 0 };

	if (s->until_ms < last)
		s->until_ms = last;
	if (read_status(s, &u) != SYSTEMD_DONE)
		return say(s, result, "%s", what);
	(void)say(s, result, "%s: ActiveState=%s SubState=%s", what, u.active, u.sub);
	if (*u.result)
		add(s, " Result=%s", u.result);
	if (u.exec_code)
		add(s, " ExecMainStatus=%d%s", u.exec_status, u.exec_code == CLD_EXITED ? "" : " (a signal)");
	add(s, "; its log: journalctl -u %s", s->q->unit);
	return result;
}

static int on_job_removed(sd_bus_message *m, void *context, sd_bus_error *error)
{
	struct session *s = context;
	const char *job = NULL, *result = NULL;
	size_t at = s->removed_count % REMEMBERED;

	(void)error;
	if (sd_bus_message_read(m, "uoss", NULL, &job, NULL, &result) < 0)
		return 0;
	(void)snprintf(s->removed[at].job, sizeof(s->removed[at].job), "%s", job);
	(void)snprintf(s->removed[at].result, sizeof(s->removed[at].result), "%s", result);
	s->removed_count++;
	return 0;
}

/* How JOB has ended; NULL: not yet. */
static const char *result_of(const struct session *s, const char *job)
{
	for (size_t i = 0; i < REMEMBERED && i < s->removed_count; i++)
		if (!strcmp(s->removed[i].job, job))
			return s->removed[i].result;
	return NULL;
}

static enum systemd_result wait_for_job(struct session *s, const char *job)
{
	enum systemd_result result = SYSTEMD_DONE;
	const char *end;
	char what[128];

	while (!(end = result_of(s, job)) && result == SYSTEMD_DONE)
		result = turn(s);
	if (end && (!strcmp(end, "done") || !strcmp(end, "skipped")))
		return SYSTEMD_DONE;
	if (end)
		(void)snprintf(what, sizeof(what), "the job ended as %s", end);
	else if (result == SYSTEMD_LATE)
		(void)snprintf(what, sizeof(what), "not done within %g s, and systemd still tries",
			       (double)s->q->timeout_ms / 1000);
	else
		return result;
	return explain(s, end ? SYSTEMD_FAILED : result, what);
}

/* systemd tells of jobs whoever has subscribed. */
static enum systemd_result run_job(struct session *s)
{
	AUTO(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
	AUTO(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const char *job = NULL;
	int r = sd_bus_match_signal_async(s->bus, &slot, SYSTEMD, MANAGER, SYSTEMD ".Manager", "JobRemoved",
					  on_job_removed, NULL, s);

	if (r < 0)
		return lost(s, r);

	enum systemd_result result = CALL_MANAGER(s, "Subscribe", NULL, "");

	if (result == SYSTEMD_DONE)
		result = CALL_MANAGER(s, s->q->method, &reply, "ss", s->q->unit, "replace");
	if (result != SYSTEMD_DONE)
		return result;
	r = sd_bus_message_read_basic(reply, 'o', &job);
	return r < 0 ? lost(s, r) : wait_for_job(s, job);
}

static enum systemd_result file_state(struct session *s)
{
	AUTO(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	enum systemd_result result = CALL_MANAGER(s, "GetUnitFileState", &reply, "s", s->q->unit);
	const char *state = "not-found";

	if (result != SYSTEMD_DONE && !s->not_found)
		return result;

	int r = reply ? sd_bus_message_read_basic(reply, 's', &state) : 0;

	if (r < 0)
		return lost(s, r);
	(void)snprintf(s->q->file_state, sizeof(s->q->file_state), "%s", state);
	return SYSTEMD_DONE;
}

static enum systemd_result reset_failed(struct session *s)
{
	return CALL_MANAGER(s, "ResetFailedUnit", NULL, "s", s->q->unit);
}

static enum systemd_result reload(struct session *s)
{
	return CALL_MANAGER(s, "Reload", NULL, "");
}

/* The list of changes that comes next in M: links made and removed. */
static enum systemd_result take_changes(struct session *s, sd_bus_message *m)
{
	int r = sd_bus_message_enter_container(m, 'a', "(sss)");

	if (r >= 0)
		r = sd_bus_message_at_end(m, 0);
	if (r < 0)
		return lost(s, r);
	s->q->changed = r == 0;
	return s->q->changed ? reload(s) : SYSTEMD_DONE;
}

static enum systemd_result enable(struct session *s)
{
	AUTO(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	enum systemd_result result = CALL_MANAGER(s, "EnableUnitFiles", &reply, "asbb", 1, s->q->unit, /* runtime */ 0,
						  /* force */ 0);
	int installable = 0;

	if (result != SYSTEMD_DONE)
		return result;

	int r = sd_bus_message_read_basic(reply, 'b', &installable);

	if (r < 0)
		return lost(s, r);
	if (!installable)
		return say(s, SYSTEMD_FAILED, "it has no [Install] section: nothing tells when to start it");
	return take_changes(s, reply);
}

static enum systemd_result disable(struct session *s)
{
	AUTO(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	enum systemd_result result = CALL_MANAGER(s, "DisableUnitFiles", &reply, "asb", 1, s->q->unit, /* runtime */ 0);

	return result == SYSTEMD_DONE ? take_changes(s, reply) : result;
}

static enum systemd_result (*const tasks[SYSTEMD_TASK_COUNT])(struct session *s) = {
	[SYSTEMD_JOB] = run_job,   [SYSTEMD_STATUS] = status,	[SYSTEMD_FILE_STATE] = file_state,
	[SYSTEMD_ENABLE] = enable, [SYSTEMD_DISABLE] = disable, [SYSTEMD_RESET_FAILED] = reset_failed,
	[SYSTEMD_RELOAD] = reload,
};

static enum systemd_result ask(struct systemd_question *q, char *error, size_t size)
{
	AUTO(sd_bus_close_unrefp) sd_bus *bus = NULL;
	struct session s = { .q = q, .until_ms = clock_ms() + q->timeout_ms, .error = error, .size = size };
	int r = sd_bus_open_system(&bus);

	if (r < 0)
		return lost(&s, r);
	s.bus = bus;
	return tasks[q->task](&s);
}

extern const struct systemd_module slipway_systemd_module;
const struct systemd_module slipway_systemd_module = { SYSTEMD_MODULE_VERSION, ask };
