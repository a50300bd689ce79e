/* cli/hold_signals.h - who has something to clear up is not ended before. */
#pragma once

#include <signal.h>

/* SIGINT, SIGTERM and SIGHUP wait; clients of a worker or the daemon hear them all the same (signalfd). BEFORE: what to
 * set again. */
void hold_signals(sigset_t *before);
