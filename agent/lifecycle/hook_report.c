/* lifecycle/hook_report.c - both ends of the pipe between a Lua script and its worker. */
#include "lifecycle/hook_report.h"

#include "lifecycle/zygote.h"
#include "util/proc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define READS 16 /* of 4 KiB: all that a pipe holds */

void hook_reporter_init(struct hook_reporter *r)
{
	*r = (struct hook_reporter){ .asked = fcntl(ZYGOTE_REPORT_FD, F_GETFD) >= 0 };
}

static void say(struct hook_reporter *r, char kind, const char *text, size_t max)
{
	char bytes[HOOK_REPORT_MAX];
	int n = snprintf(bytes, max, "%c%s", kind, text);
	size_t len = (size_t)n < max ? (size_t)n : max - 1; /* without the NUL */

	if (!r->asked)
		return;
	if (r->torn && write(ZYGOTE_REPORT_FD, "", 1) == 1)
		r->torn = false;
	if (write(ZYGOTE_REPORT_FD, bytes, len + 1) < 0) {
		/* the log has it, too */
	}
}

void hook_reporter_doing(void *context, const char *text)
{
	struct hook_reporter *r = context;
	int64_t now = proc_clock_ms();

	if (*text ? r->shown_ms && now - r->shown_ms < HOOK_DOING_PAUSE_MS : !r->shown)
		return;
	r->shown = *text != '\0';
	if (r->shown)
		r->shown_ms = now;
	say(r, 'd', text, HOOK_DOING_MAX);
}

void hook_reporter_failed(struct hook_reporter *r, const char *message, const char *action)
{
	say(r, 'm', message, HOOK_REPORT_MAX);
	say(r, 'a', action, HOOK_REPORT_MAX);
}

/* All of it, although the pipe does not wait. */
static int write_all(const struct hook_reporter *r, const char *bytes, size_t len)
{
	int64_t until = proc_clock_ms() + HOOK_SECRET_WAIT_MS;

	while (len) {
		struct pollfd p = { .fd = ZYGOTE_REPORT_FD, .events = POLLOUT };
		ssize_t n = write(ZYGOTE_REPORT_FD, bytes, len);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		if (n < 0 && ((r->stop && *r->stop) || proc_clock_ms() > until))
			return -1;
		if (n < 0)
			(void)poll(&p, 1, 100);
		bytes += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int hook_reporter_secret(void *context, const char *bytes, size_t len)
{
	struct hook_reporter *r = context;
	char text[MASK_MAX + 3] = "";

	if (!r->asked)
		return 0;
	assert(len <= MASK_MAX);
	text[1] = 's';
	memcpy(text + 2, bytes, len);
	text[len + 2] = '\0';
	r->torn = write_all(r, text + !r->torn, len + 2 + r->torn) < 0;
	return r->torn ? -1 : 0;
}

void hook_reporter_ended(const struct hook_reporter *r, const char *message)
{
	char bytes[515] = { '\0', 'm' }; /* the first ends what was torn */

	memcpy(bytes + 2, message, strnlen(message, sizeof(bytes) - 3));
	if (r->asked && write(ZYGOTE_REPORT_FD, bytes + !r->torn, strlen(bytes + 1) + 1 + r->torn) < 0) {
		/* the log has it, too */
	}
}

/* Control characters would disturb a report of lines; only newlines are let through as blanks. */
static void clean(char *text)
{
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
}

/* One text is complete. */
static bool take(struct hook_report *r)
{
	const char *text = r->text + 1;
	bool news = false;

	r->text[r->len] = '\0';
	if (*r->text != 's') {
		mask_hide_string(r->mask, r->text);
		clean(r->text);
	}
	switch (r->len ? *r->text : '\0') {
	case 'd':
		news = strncmp(r->doing, text, sizeof(r->doing) - 1) != 0;
		(void)snprintf(r->doing, sizeof(r->doing), "%.*s", (int)sizeof(r->doing) - 1, text);
		break;
	case 'm':
		(void)snprintf(r->message, sizeof(r->message), "%.*s", HOOK_REPORT_MAX - 2, text);
		break;
	case 'a':
		(void)snprintf(r->action, sizeof(r->action), "%.*s", HOOK_REPORT_MAX - 2, text);
		break;
	case 's':
		r->too_many = mask_add(r->mask, text, r->len - 1) < 0 || r->too_many;
		break;
	default:
		break; /* no words of ours */
	}
	r->len = 0;
	return news;
}

bool hook_report_read(struct hook_report *r)
{
	char bytes[4096];
	bool news = false;
	ssize_t n = 1;

	for (int i = 0; i < READS && n > 0; i++) {
		n = read(r->fd, bytes, sizeof(bytes));
		for (ssize_t k = 0; k < n; k++) {
			if (!bytes[k])
				news = take(r) || news;
			else if (r->len < sizeof(r->text) - 1) /* the rest of a longer one is left out */
				r->text[r->len++] = bytes[k];
		}
	}
	return news;
}
