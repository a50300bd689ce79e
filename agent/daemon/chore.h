/* daemon/chore.h - work that takes its time (removing folders), done by a forked child so that the loop goes on. */
#pragma once

#include "daemon/daemon_internal.h"

struct chore_work {
	/* In the child: what to do, with what, and what came of it: -1 and ERR, or a number for the answer. */
	int (*run)(void *arg, struct err *err);
	/* In the daemon, when the child is gone; CLIENT is NULL when it is. COUNT is what run() returned. Frees ARG. */
	void (*done)(struct daemon *d, struct socket_client *client, void *arg, int count, const struct err *err);
	void *arg;
};

/* ARG is taken over when this succeeds. */
int chore_start(struct daemon *d, struct socket_client *client, const struct chore_work *work, struct err *err);
void chore_client_gone(struct daemon *d, const struct socket_client *client);
bool chore_any(const struct daemon *d);
void chore_free_all(struct daemon *d); /* the children go on by themselves */
