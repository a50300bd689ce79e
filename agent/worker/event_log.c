/* worker/event_log.c - lines written and read again. */
#include "worker/event_log.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/proc.h"
#include "util/str.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>

#define LOG_NAME   "events.jsonl"
#define LOG_MAX	   (16 * 1024 * 1024)
#define MAX_EVENTS 10000
#define KILL_MS	   10000 /* for a group to be gone after KILL; only one in the kernel takes longer */
#define TICK_NS	   10000000

static const char *const mark_names[EVENT_LOG_MARK_COUNT] = {
	[EVENT_LOG_ENDED] = "ended",
	[EVENT_LOG_RESTORE] = "restore",
};

void event_log_init(struct event_log *l, int dir_fd)
{
	*l = (struct event_log){ .dir_fd = dir_fd, .fd = -1 };
}

void event_log_done(struct event_log *l)
{
	auto_closep(&l->fd);
	l->fd = -1;
}

/* Takes the reference. */
static void add_line(struct event_log *l, json_t *json)
{
	AUTO_FREE char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (!text || l->dir_fd < 0)
		return;
	if (l->fd < 0)
		l->fd = fs_open_create(l->dir_fd, LOG_NAME, O_WRONLY | O_APPEND, 0600);
	if (l->fd < 0)
		return; /* the header says what that means */

	AUTO_FREE char *line = xasprintf("%s%s\n", l->torn ? "\n" : "", text);

	l->torn = fs_write(l->fd, line, strlen(line)) < 0;
}

void event_log_event(struct event_log *l, const struct event_result *e)
{
	add_line(l, json_pack("{s:o}", "event", event_result_to_json(e)));
}

void event_log_hook(struct event_log *l, const char *script, pid_t pid, bool ended)
{
	char boot[40] = "";

	if (ended) {
		add_line(l, json_pack("{s:I}", "hook_ended", (json_int_t)pid));
		return;
	}
	(void)proc_boot_id(boot); /* without it nothing will be killed */

	json_t *hook = json_pack("{s:I, s:I, s:s}", "pid", (json_int_t)pid, "start", (json_int_t)proc_start_time(pid),
				 "boot", boot);

	(void)json_object_set_new(hook, "script", json_string(script)); /* no UTF-8: left away, it is for people */
	add_line(l, json_pack("{s:o}", "hook", hook));
}

void event_log_mark(struct event_log *l, enum event_log_mark mark)
{
	add_line(l, json_pack("{s:s}", "mark", mark_names[mark]));
}

/* Reading */

void event_history_done(struct event_history *h)
{
	for (size_t i = 0; i < h->count; i++)
		event_result_done(&h->events[i]);
	free(h->events);
	*h = (struct event_history){ 0 };
}

/* An event that ends is the last one that has begun, if that has its name. */
static void take_event(struct event_history *h, const json_t *json)
{
	struct err ignored = ERR_INIT; /* it is as good as torn */
	struct event_result e;

	if (event_result_from_json(json, &e, &ignored) < 0)
		return;

	struct event_result *last = h->count ? &h->events[h->count - 1] : NULL;

	if (last && last->status == EVENT_IN_PROGRESS && !strcmp(last->event, e.event)) {
		event_result_done(last);
		*last = e;
		return;
	}
	if (h->count >= MAX_EVENTS) {
		event_result_done(&e);
		return;
	}
	h->events = xrealloc(h->events, (h->count + 1) * sizeof(*h->events));
	h->events[h->count++] = e;
}

static void take_hook(struct event_history *h, const json_t *json)
{
	json_int_t pid = json_integer_value(json_object_get(json, "pid"));
	json_int_t start = json_integer_value(json_object_get(json, "start"));
	const char *boot = json_string_value(json_object_get(json, "boot"));

	if (pid <= 1 || pid > INT_MAX || start <= 0 || !boot)
		return;
	h->hook = (pid_t)pid;
	h->hook_start = (uint64_t)start;
	(void)snprintf(h->hook_boot, sizeof(h->hook_boot), "%s", boot);
}

static void take_line(struct event_history *h, const char *line, size_t len)
{
	json_t *json = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *mark = json_string_value(json_object_get(json, "mark"));

	if (json_object_get(json, "event"))
		take_event(h, json_object_get(json, "event"));
	if (json_object_get(json, "hook"))
		take_hook(h, json_object_get(json, "hook"));
	if (json_integer_value(json_object_get(json, "hook_ended")) == h->hook)
		h->hook = 0;
	for (size_t i = 0; mark && i < EVENT_LOG_MARK_COUNT; i++)
		h->marks[i] = h->marks[i] || !strcmp(mark, mark_names[i]);
	json_decref(json);
}

int event_log_read(int dir_fd, struct event_history *out, struct err *err)
{
	AUTO(str_done) struct str text = STR_INIT(LOG_MAX);

	*out = (struct event_history){ 0 };
	if (fs_read_file(dir_fd, LOG_NAME, &text, err) < 0)
		return -1;
	for (const char *line = str_text(&text); *line;) {
		size_t n = strcspn(line, "\n");

		take_line(out, line, n);
		line += n + (line[n] == '\n');
	}
	return 0;
}

/* The leader is there, and so is its number: the group is its own. */
static bool kill_group(pid_t group)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	int64_t until = proc_clock_ms() + KILL_MS;

	if (kill(-group, SIGKILL) < 0)
		return false;
	while (proc_group_lives(group) && proc_clock_ms() < until)
		(void)nanosleep(&tick, NULL); /* a signal only makes it shorter */
	return true;
}

struct orphans {
	pid_t group;
	char *item; /* what their environment has */
	bool found;
};

static bool kill_orphan(void *context, pid_t pid, int dir_fd)
{
	struct orphans *o = context;

	if (proc_group_of(dir_fd) != o->group || !proc_has_variable(dir_fd, o->item))
		return true;

	AUTO_FD int pidfd = pidfd_open(pid, 0);

	/* that it is still there now says that the number is still its own */
	if (pidfd >= 0 && proc_group_of(dir_fd) == o->group && pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0)
		o->found = true;
	return true;
}

static bool kill_orphans(pid_t group, const char *deployment)
{
	AUTO_FREE char *item = xasprintf("DEPLOYMENT_ID=%s", deployment);
	const struct timespec tick = { .tv_nsec = TICK_NS };
	int64_t until = proc_clock_ms() + KILL_MS;
	struct orphans o = { .group = group, .item = item, .found = true };
	bool any = false;

	while (o.found && proc_clock_ms() < until) { /* they may have children meanwhile */
		o.found = false;
		proc_each(kill_orphan, &o);
		any = any || o.found;
		if (o.found)
			(void)nanosleep(&tick, NULL); /* a signal only makes it shorter */
	}
	return any;
}

bool event_history_kill_hook(const struct event_history *h, const char *deployment)
{
	char boot[40];

	if (!h->hook || !proc_boot_id(boot) || strcmp(boot, h->hook_boot) != 0)
		return false;

	uint64_t start = proc_start_time(h->hook);

	if (!start)
		return kill_orphans(h->hook, deployment);
	return start == h->hook_start && kill_group(h->hook);
}
