/* tests/crash/observer.c - counts, kills and fails; hands every call on to the oracle. */
#include "observer.h"

#include "util/auto.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void observer_describe(const struct fs_call *call, char *buf, size_t size)
{
	if (call->to_name)
		(void)snprintf(buf, size, "%s '%s' -> '%s'", fs_op_name(call->op), call->name, call->to_name);
	else if (call->name)
		(void)snprintf(buf, size, "%s '%s'", fs_op_name(call->op), call->name);
	else if (call->op == FS_WRITE)
		(void)snprintf(buf, size, "write %zu bytes to descriptor %d", call->len, call->fd);
	else
		(void)snprintf(buf, size, "%s of descriptor %d", fs_op_name(call->op), call->fd);
}

/* Blocks that a file has stay its own when the file system fills up: writing into them goes on working. */
static bool fits_in_its_blocks(const struct fs_call *call)
{
	struct stat st;
	int64_t from = call->offset;

	if (fstat(call->fd, &st) < 0)
		return false;
	if (from < 0)
		from = fcntl(call->fd, F_GETFL) & O_APPEND ? st.st_size : lseek(call->fd, 0, SEEK_CUR);
	return from >= 0 && from + (int64_t)call->len <= (int64_t)st.st_blocks * 512;
}

static bool needs_space(const struct fs_call *call)
{
	struct stat st;

	switch (call->op) {
	case FS_CREATE:
		return fstatat(call->dir_fd, call->name, &st, AT_SYMLINK_NOFOLLOW) < 0;
	case FS_WRITE:
		return !fits_in_its_blocks(call);
	case FS_MKDIR:
	case FS_SYMLINK:
	case FS_LINK:
	case FS_ALLOCATE:
	case FS_CLONE:
		return true;
	case FS_RENAME:
		return fstatat(call->to_dir_fd, call->to_name, &st, AT_SYMLINK_NOFOLLOW) < 0;
	default:
		return false;
	}
}

static bool must_fail(const struct observer *o, const struct fs_call *call, unsigned long number)
{
	return (o->action == OBSERVER_FAIL_ONCE && number == o->at) ||
	       (o->action == OBSERVER_FAIL_FROM && number >= o->at && needs_space(call));
}

static _Noreturn void end_process(const struct observer *o)
{
	int status = observer_exit_status(o);

	_exit(status ? status : OBSERVER_KILLED);
}

static _Thread_local unsigned long current_number;

static int before(void *context, const struct fs_call *call)
{
	struct observer *o = context;
	unsigned long number = atomic_fetch_add(&o->calls, 1) + 1;
	bool fails = must_fail(o, call, number);

	current_number = number;
	if (o->trace) {
		char text[512];

		observer_describe(call, text, sizeof(text));
		(void)fprintf(o->trace, "%5lu %s%s\n", number, text, fails ? " (made to fail)" : "");
	}
	if (o->action == OBSERVER_KILL_BEFORE && number == o->at)
		end_process(o);
	if (fails) {
		atomic_fetch_add(&o->failed, 1);
		return o->error;
	}
	if (o->oracle)
		oracle_before(o->oracle, call);
	return 0;
}

static void after(void *context, const struct fs_call *call, int result)
{
	struct observer *o = context;

	if (o->oracle)
		oracle_after(o->oracle, call, result);
	if (o->action == OBSERVER_KILL_AFTER && current_number == o->at)
		end_process(o);
}

void observer_start(struct observer *o)
{
	assert(o->action != OBSERVER_FAIL_ONCE || o->error);
	assert(o->action != OBSERVER_FAIL_FROM || o->error);
	atomic_store(&o->calls, 0);
	atomic_store(&o->failed, 0);
	o->hooks = (struct fs_observer){ .before = before, .after = after, .context = o };
	fs_observe(&o->hooks);
}

void observer_stop(void)
{
	fs_observe(NULL);
}

unsigned long observer_calls(const struct observer *o)
{
	return atomic_load(&o->calls);
}

unsigned long observer_failed(const struct observer *o)
{
	return atomic_load(&o->failed);
}

int observer_exit_status(const struct observer *o)
{
	if (!o->oracle || !oracle_violations(o->oracle))
		return 0;
	(void)fputs(oracle_report(o->oracle), stderr);
	return OBSERVER_DISORDER;
}
