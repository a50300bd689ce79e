/* cli/hold_signals.h - who has something to clear up is not ended before. */
#pragma once

#include <signal.h>

/* SIGINT, SIGTERM and SIGHUP wait; who talks to a worker hears them all the same (worker_client.c). BEFORE: what to set
 * again. */
void hold_signals(sigset_t *before);
