/* cli/follow.h - see a deployment of the daemon to its end: progress on stderr, documents on stdout, the exit status.
 *
 * The daemon may be restarted meanwhile: the request is repeated, and what was shown before is not shown again.
 * Interrupted or timed out, the deployment goes on, and what is said tells how to come back to it.
 */
#pragma once

#include "cli/client.h"

struct follow_options {
	bool quiet;	   /* no progress, the end alone */
	const char *id;	   /* when it is known before; borrowed */
	const char *token; /* of the request, to be repeated by hand; NULL: none. Borrowed */
};

/* REQUEST is borrowed. The exit status; everything has been said. */
int follow(struct client *c, const json_t *request, const struct follow_options *options);
