/* worker/unpack_job.h - carries out an unpack request; see worker/unpack_request.h. */
#pragma once

#include "worker/unpack_request.h"

#include <stdatomic.h>

/* OUT is the caller's whatever happens: unpack_answer_done(). -1: it says why it failed, and so does ERR. */
int unpack_job_run(const struct unpack_request *r, const atomic_bool *stop, struct unpack_answer *out, struct err *err);
