/* script/file_lock.h - one process at a time, by the lock of a file (flock(2)): between hooks of this host, and on a
 * shared file system that passes such locks on (NFS does) between hosts.
 *
 * The file is made when it is not there, is never removed, and holds nothing. A link in its place is refused. The lock
 * goes with its holder, however that ends.
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>
#include <stdint.h>

struct file_lock;

/* Wait up to TIMEOUT_MS (0: do not wait) for the lock of PATH (absolute). GIVE_UP is asked several times a second. OUT
 * is the caller's: file_lock_free(). ERR_TIMED_OUT: somebody else holds it; ERR_STOPPED: GIVE_UP said so; ERR_SYS. */
int file_lock_take(const char *path, int64_t timeout_ms, bool (*give_up)(void *context), void *context,
		   struct file_lock **out, struct err *err);
void file_lock_free(struct file_lock *l); /* gives it back; NULL is fine */
