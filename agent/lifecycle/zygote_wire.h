/* lifecycle/zygote_wire.h - what zygote.c and zygote_main.c say to each other; nobody else includes it.
 *
 * A stream socket. Down: a header, with it for a hook three or four descriptors (SCM_RIGHTS), then SIZE bytes:
 * the groups (gid_t each), then NUL-terminated strings: arguments, environment, cwd. Up: fixed-size replies.
 * Both ends are the same program on the same host, so numbers travel as they are.
 */
#pragma once

#include "lifecycle/zygote.h"

#include <stdint.h>
#include <sys/types.h>

/* Kinds that are no hook. */
#define ZYGOTE_RELEASE UINT32_MAX
#define ZYGOTE_PREPARE (UINT32_MAX - 1)

#define ZYGOTE_FDS     3
#define ZYGOTE_MAX_FDS 4 /* with the report */

struct zygote_header {
	uint32_t kind;
	uint32_t size;
	uint32_t argc, envc, group_count;
	uint32_t change_user, uid, gid;
	uint32_t umask;
};

enum zygote_reply_kind { ZYGOTE_STARTED, ZYGOTE_REFUSED, ZYGOTE_ENDED };

enum zygote_step {
	ZYGOTE_STEP_REQUEST,
	ZYGOTE_STEP_FORK,
	ZYGOTE_STEP_USER,
	ZYGOTE_STEP_CWD,
	ZYGOTE_STEP_EXEC,
	ZYGOTE_STEP_COUNT
};

struct zygote_reply {
	uint32_t kind;
	int32_t pid;
	int32_t value; /* errno (REFUSED) or wait status (ENDED) */
	uint32_t step; /* REFUSED */
};

/* The zygote's life, on SOCKET, until the worker (pid WORKER) goes away. */
_Noreturn void zygote_main(int socket, pid_t worker, const struct zygote_calls *calls);
