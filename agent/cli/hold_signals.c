/* cli/hold_signals.c - see hold_signals.h. */
#include "cli/hold_signals.h"

void hold_signals(sigset_t *before)
{
	sigset_t wanted;

	(void)sigemptyset(&wanted);
	(void)sigaddset(&wanted, SIGINT);
	(void)sigaddset(&wanted, SIGTERM);
	(void)sigaddset(&wanted, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &wanted, before); /* can only fail for a wrong first argument */
}
