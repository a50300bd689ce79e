/* lifecycle/hook_watchdog.h - the end of a Lua script that was told to end and does not listen.
 *
 * TERM, which the agent sends at the timeout or when the deployment is stopped, makes the script raise at its next
 * instruction. Inside a function in C there is none: a pattern can try for years; and thousands of coroutines raise for
 * seconds. Before the script there are files to be read from disks that may not answer. Who is still there
 * HOOK_WATCHDOG_MS after TERM is therefore ended by the signal handler of a timer, which says where the script is, as
 * the error would have, and leaves with 1. It is the time that slipway.run needs to end a program that does not listen,
 * either (run_command.h), and a little more.
 */
#pragma once

#include "lifecycle/hook_report.h"
#include "script/script.h"

#include <signal.h>

#define HOOK_WATCHDOG_MS 40

/* Take TERM and ALRM over, for the whole process. What it returns is set at TERM: see script_options. REPORTER is
 * borrowed until hook_watchdog_stop(). */
const volatile sig_atomic_t *hook_watchdog_start(const struct hook_reporter *reporter);
/* S runs from now on. */
void hook_watchdog_watch(struct script *s);
/* It has ended and all is said. What is not tidied up in time is left to the kernel, and the exit status is STATUS. */
void hook_watchdog_release(int status);
void hook_watchdog_stop(void);
