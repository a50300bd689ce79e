/* cli/explain.h - what an error code means and what to do about it. Pure. */
#pragma once

#include <stddef.h>

struct explanation {
	const char *name;    /* the code as err_code() gives it, or our word for what has no code of its own */
	const char *summary; /* one line */
	const char *means;
	const char *cure;	/* lines of at most 80 characters, as the other */
	const char *phrases[4]; /* parts of messages that mean this; NULL: none more */
};

/* All of them; *COUNT says how many. */
const struct explanation *explanations(size_t *count);
/* The one that TEXT names: a code (capitals do not count), a code inside a message, else a phrase of a message. NULL:
 * none. */
const struct explanation *explain_find(const char *text);
