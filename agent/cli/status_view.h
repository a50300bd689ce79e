/* cli/status_view.h - the daemon's answer to "status", checked and taken apart. */
#pragma once

#include "util/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct group_view {
	char *group;
	char *good_id, *good_at, *good_digest,
		*good_location;		       /* the last successful revision; NULL: none, or not told */
	char *running, *queued;		       /* ids; NULL: none */
	char *last_id, *last_status, *last_at; /* the deployment that was asked for last; NULL: none */
	bool needs_recovery;
};

struct status_view {
	char *version, *started_at, *deployment_root;
	uint64_t pid;
	bool stopping;
	char **unhappy; /* NULL-terminated; NULL: none */
	struct group_view *groups;
	size_t group_count;
};

/* -1, ERR_STATE. OUT is the caller's: status_view_done(). */
int status_view_read(const json_t *answer, struct status_view *out, struct err *err);
void status_view_done(struct status_view *v);
