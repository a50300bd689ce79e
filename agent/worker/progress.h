/* worker/progress.h - what a worker tells the process that started it, as worker/protocol.h lays down. */
#pragma once

#include "model/deployment.h"
#include "worker/pack_request.h"
#include "worker/plan_request.h"
#include "worker/unpack_request.h"

struct progress {
	int fd;		   /* -1: nobody listens */
	const char *event; /* of work messages */
	uint64_t files_total, bytes_total;
	int64_t last_work_ms, last_doing_ms;
	bool does; /* the last doing was not "" */
};

void progress_started(struct progress *p, const char *folder);
void progress_event(struct progress *p, const char *event, enum event_status status, const char *text);
void progress_note(struct progress *p, const char *event, const char *text);
/* At most ten a second; TEXT "": nothing to tell any more. */
void progress_doing(struct progress *p, const char *event, const char *text);
/* At most ten a second; shaped as the callback of unpacking and staging. */
void progress_work(void *progress, uint64_t files, uint64_t bytes);
void progress_result(struct progress *p, const struct deployment *d, const struct deployment_result *r);
void progress_recovered(struct progress *p, const struct deployment *d, const struct deployment_result *r);
void progress_unpacked(struct progress *p, const struct unpack_answer *a);
void progress_packed(struct progress *p, const struct pack_answer *a);
void progress_planned(struct progress *p, const struct plan_answer *a);
