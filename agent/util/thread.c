/* util/thread.c - signals are blocked in the new thread from its first moment. */
#include "util/thread.h"

#include <errno.h>
#include <signal.h>

int thread_start(pthread_t *thread, void *(*body)(void *context), void *context)
{
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before); /* both fail only for nonsense arguments */

	int failed = pthread_create(thread, NULL, body, context);

	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = failed;
	return failed ? -1 : 0;
}
