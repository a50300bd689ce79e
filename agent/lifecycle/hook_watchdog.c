/* lifecycle/hook_watchdog.c - two signal handlers: one asks the script to end, one ends it. */
#include "lifecycle/hook_watchdog.h"

#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define OVER	 "still running when its time was over" /* as script_check_end() puts it */
#define TOO_LATE "its time was over before it had begun"

static volatile sig_atomic_t told_to_end, ended, exit_status;
static struct script *volatile watched; /* NULL: it has not begun */
static const struct hook_reporter *volatile report_to;

static void set_timer(int ms)
{
	const struct itimerval timer = { .it_value.tv_usec = ms * 1000 };

	(void)setitimer(ITIMER_REAL, &timer, NULL); /* a mere system call, here and in a handler; cannot fail */
}

static void on_term(int signal)
{
	(void)signal;
	if (told_to_end)
		return;
	told_to_end = 1;
	set_timer(HOOK_WATCHDOG_MS);
}

/* Nothing but what a signal handler may call. */
static void on_tick(int signal)
{
	char text[512];
	const char *why = watched ? OVER : TOO_LATE;

	(void)signal;
	if (!told_to_end)
		return; /* no timer of ours */
	if (ended)
		_exit(exit_status);

	size_t n = watched ? script_place(watched, text, sizeof(text) - sizeof(OVER)) : 0, len = strlen(why);

	memcpy(text + n, why, len + 1);
	hook_reporter_ended(report_to, text);
	text[n + len] = '\n';
	if (write(STDERR_FILENO, text, n + len + 1) < 0) {
		/* the report has it, too */
	}
	_exit(1);
}

const volatile sig_atomic_t *hook_watchdog_start(const struct hook_reporter *reporter)
{
	const struct sigaction term = { .sa_handler = on_term };
	const struct sigaction tick = { .sa_handler = on_tick, .sa_flags = SA_RESTART };

	told_to_end = ended = 0;
	watched = NULL;
	report_to = reporter;
	(void)sigaction(SIGALRM, &tick, NULL); /* these two cannot fail */
	(void)sigaction(SIGTERM, &term, NULL);
	return &told_to_end;
}

void hook_watchdog_watch(struct script *s)
{
	watched = s;
}

void hook_watchdog_release(int status)
{
	exit_status = status;
	ended = 1;
}

void hook_watchdog_stop(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	set_timer(0);
	(void)sigaction(SIGALRM, &ignore, NULL); /* one that is under way already */
	(void)sigaction(SIGTERM, &ignore, NULL); /* it would start the timer anew */
	report_to = NULL;
}
