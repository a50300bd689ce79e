/* cli/daemon_client.h - one conversation with the daemon: a request, the lines of its stream, the answer.
 *
 * Blocks; SIGINT and SIGTERM end it instead of the process, so that the caller can say what goes on without it. What
 * the daemon says is checked like a stranger's: sizes, JSON, the schema, the shape of the answer; the lines of the
 * stream are for the caller to check.
 * Source: agent/control/socket_protocol.h.
 */
#pragma once

#include "util/err.h"

#include <jansson.h>
#include <stdbool.h>

#define DAEMON_BACK_WITHIN_S 30

enum daemon_end {
	DAEMON_DONE,	    /* carried out, or the caller has heard enough */
	DAEMON_REFUSED,	    /* the daemon says why not */
	DAEMON_LOST,	    /* it went away in the middle, and did not come back in time where that was waited for */
	DAEMON_TIMED_OUT,   /* timeout_s has passed */
	DAEMON_INTERRUPTED, /* by a signal */
};

struct daemon_answer {
	enum daemon_end end;
	json_t *json;		       /* the line with "done":true; NULL: the caller had heard enough */
	char *code, *message, *action; /* of a refusal; ACTION NULL: nothing to say. As the daemon sent them */
	int exit_status;	       /* of a refusal: 1 to 6 */
	int signal;		       /* that interrupted it */
};
void daemon_answer_done(struct daemon_answer *a);

struct daemon_talk {
	const char *socket;
	const json_t *request; /* "schema" is added to what is sent */
	unsigned timeout_s;    /* of all of it; 0: none */
	/* When the daemon goes away, wait for it to come back and repeat the request. */
	bool repeats;
	/* One line of the stream. 1: enough; -1: it is wrong. NULL: the request has no stream. */
	int (*line)(void *context, const json_t *line, struct err *err);
	bool (*tick)(void *context);		/* about once a second, true: enough; NULL: nobody needs it */
	void (*gone)(void *context, bool back); /* the daemon went away, or is back; NULL: untold */
	int watched_fd;				/* poll this, too; 0 or less: none */
	bool (*watched)(void *context);		/* true: enough */
	void *context;
};

/* OUT is the caller's: daemon_answer_done(). -1: ERR_UNREACHABLE nobody answers there; ERR_DENIED not allowed to talk
 * to it; ERR_STATE what it said is not understood; each says what to do. */
int daemon_talk(const struct daemon_talk *talk, struct daemon_answer *out, struct err *err);
