/* daemon/daemon_internal.h - what the files of the daemon share: its state, in one place.
 *
 * dispatch.c moves deployments from request to end, ends.c records that, recover_job.c clears up behind dead workers,
 * resume.c finds at the start what an earlier daemon left, requests*.c answer clients, daemon.c has the loop, signals
 * and configuration.
 */
#pragma once

#include "config/config.h"
#include "control/access.h"
#include "control/socket_server.h"
#include "daemon/history.h"
#include "daemon/job.h"
#include "daemon/live.h"
#include "daemon/queue.h"
#include "daemon/streams.h"
#include "state/db.h"

/* A deployment that has not ended. */
struct active {
	struct active *next;
	struct daemon *daemon;
	struct live live;
	char *folder;	 /* where it is or will be, absolute */
	struct job *job; /* NULL: it waits, or its worker is gone and its group is being recovered */
	bool orphaned;	 /* the latter */
	char *how;	 /* then: how its worker went */
};

struct recover_job;
struct chore;
struct unrecorded;

struct daemon {
	sd_event *loop;
	struct config_place place;
	struct config config;
	struct access access;
	char *worker; /* the executable */
	int lock;     /* of the state folder */
	struct db *db;
	struct history *history;
	struct queue *queue;
	struct streams *streams;
	struct socket_server *server;
	struct socket_handler handler;
	sd_event_source *stop_timer;
	struct active *actives;
	struct recover_job *recoveries;
	struct chore *chores;
	struct unrecorded *unrecorded; /* ends.h */
	sd_event_source *ends_timer;
	int64_t started_at_ms;
	char *reload_error;  /* the configuration on disk is wrong, and the old one counts; NULL: all is well */
	char *database_told; /* the database was made anew; NULL: it was not */
	bool stopping;
};

int64_t daemon_now_ms(void); /* since 1970 */
/* Something began or ended: tell the service manager, and look whether it is time to go. */
void daemon_changed(struct daemon *d);
/* Bring the database up to the folders; what goes wrong is logged, since answers are possible all the same. */
void daemon_scan(struct daemon *d);
