/* script/run_command.h - run a program to its end and keep what it prints.
 *
 * It leads a process group of its own, guarded by a small process that ends the whole group when this process dies: so
 * neither a timeout nor the end of a hook leaves half of a pipeline behind. What a program that has ended well leaves
 * running is not touched, nor who has made himself a group of his own. No signal is blocked or ignored in it, and it
 * has no descriptors but 0, 1 and 2.
 *
 * Whoever is ended gets TERM first, and KILL 2 s later: a program that takes longer than it should may still tidy up,
 * and its caller wants to go on. When the caller itself has to end (give_up), the time in which it could do so is over:
 * then KILL comes 25 ms after TERM, which is enough for a handler and for whoever has none.
 */
#pragma once

#include "util/err.h"
#include "util/str.h"

#include <stdint.h>

#define RUN_MAX_OUTPUT (1024u * 1024) /* bytes kept of each stream; what is left out is told at its end */

/* All borrowed. */
struct run_command {
	const char *const *argv;	/* NULL-terminated, argv[0] looked up in PATH */
	const char *const *environment; /* complete; NULL: ours */
	const char *cwd;		/* NULL: ours */
	const char *input;		/* NULL: none */
	size_t input_len;
	int64_t timeout_ms;		/* 0: none */
	bool (*give_up)(void *context); /* asked several times a second and whenever a signal comes; NULL: never */
	void *context;
};

/* SIGPIPE must be ignored (a program need not read its input).
 * STATUS: the exit status, or 128 and the number of the signal, as in a shell. OUT and ERROR are appended to. ERR_SYS:
 * it could not be started; ERR_TIMED_OUT: it, and its group, was ended; ERR_STOPPED: so it was because give_up() said
 * so. */
int run_command(const struct run_command *c, int *status, struct str *out, struct str *error, struct err *err);
