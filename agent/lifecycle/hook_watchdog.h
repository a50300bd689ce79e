/* lifecycle/hook_watchdog.h - the end of a Lua script that was told to end and does not listen.
 *
 * TERM, which the agent sends at the timeout or when the deployment is stopped, makes the script raise at its next
 * instruction. Inside a function in C there is none: a pattern can try for years; and thousands of coroutines raise for
 * seconds. A script that is still there HOOK_WATCHDOG_MS after TERM is therefore ended by the signal handler of a
 * timer, which says where it is, as the error would have, and leaves with 1. Only slipway.run gets HOOK_BUSY_MS, for a
 * program that was told to end itself.
 */
#pragma once

#include "lifecycle/hook_report.h"
#include "script/script.h"

#include <signal.h>

#define HOOK_WATCHDOG_MS 25
#define HOOK_BUSY_MS	 2500

/* Take TERM and ALRM over, for the whole process. What it returns is set at TERM: see script_options. REPORTER is
 * borrowed until hook_watchdog_stop(). */
const volatile sig_atomic_t *hook_watchdog_start(const struct hook_reporter *reporter);
/* S runs from now on. NULL: none any more, and all is said; what is not done soon now is given up. */
void hook_watchdog_watch(struct script *s);
void hook_watchdog_stop(void);
