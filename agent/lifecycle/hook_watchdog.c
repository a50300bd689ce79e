/* lifecycle/hook_watchdog.c - two signal handlers: one asks the script to end, one ends it. */
#include "lifecycle/hook_watchdog.h"

#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define OVER "still running when its time was over" /* as script_check_end() puts it */

static volatile sig_atomic_t told_to_end, ticks;
static struct script *volatile watched;
static const struct hook_reporter *volatile report_to;

static void set_timer(int ms)
{
	const struct timeval every = { .tv_usec = ms * 1000 };
	const struct itimerval timer = { every, every };

	(void)setitimer(ITIMER_REAL, &timer, NULL); /* a mere system call, here and in a handler; cannot fail */
}

static void on_term(int signal)
{
	(void)signal;
	if (told_to_end)
		return;
	told_to_end = 1;
	ticks = 0;
	set_timer(HOOK_WATCHDOG_MS);
}

/* Nothing but what a signal handler may call. */
static void on_tick(int signal)
{
	char text[512];

	(void)signal;
	if (!watched)
		_exit(1);
	if (script_was_busy(watched) && ++ticks < HOOK_BUSY_MS / HOOK_WATCHDOG_MS)
		return;

	size_t n = script_place(watched, text, sizeof(text) - sizeof(OVER));

	memcpy(text + n, OVER, sizeof(OVER));
	hook_reporter_ended(report_to, text);
	text[n + strlen(OVER)] = '\n';
	if (write(STDERR_FILENO, text, n + sizeof(OVER)) < 0) {
		/* the report has it, too */
	}
	_exit(1);
}

const volatile sig_atomic_t *hook_watchdog_start(const struct hook_reporter *reporter)
{
	const struct sigaction term = { .sa_handler = on_term };
	const struct sigaction tick = { .sa_handler = on_tick, .sa_flags = SA_RESTART };

	told_to_end = 0;
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

void hook_watchdog_stop(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	set_timer(0);
	(void)sigaction(SIGALRM, &ignore, NULL); /* one that is under way already */
	(void)sigaction(SIGTERM, &ignore, NULL); /* it would start the timer anew */
	report_to = NULL;
}
