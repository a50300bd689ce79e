/* worker/pack_job.h - carries out a pack request; see worker/pack_request.h. */
#pragma once

#include "worker/pack_request.h"

#include <stdatomic.h>
#include <sys/types.h>

/* MASK: the umask for the bundle. OUT is the caller's whatever happens: pack_answer_done(). -1: it says why it failed,
 * and so does ERR. */
int pack_job_run(const struct pack_request *r, mode_t mask, const atomic_bool *stop, struct pack_answer *out,
		 struct err *err);
