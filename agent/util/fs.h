/* util/fs.h - every change to a file system goes through here, so that a test can see, fail or kill any of them.
 *
 * The calls are thin: one system call each, -1 and errno on failure, nothing logged, EINTR retried, every descriptor
 * O_CLOEXEC. Names are relative to a directory descriptor and are never followed through a symbolic link at their end.
 * An observer (none in production) is asked before and told after each call: it may count, kill the process, make the
 * call fail with an errno of its choice, or check in which order data was flushed. Raw mutating calls elsewhere in
 * agent/ are refused by `make check` (tests/check-raw-calls).
 * Source: DESIGN.md section 6, spec/reliability-security.md section 5.
 */
#pragma once

#include "util/err.h"
#include "util/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define FS_LABEL "security.selinux" /* the extended attribute */

enum fs_op {
	FS_CREATE,
	FS_WRITE,
	FS_MKDIR,
	FS_SYMLINK,
	FS_LINK,
	FS_RENAME,
	FS_EXCHANGE,
	FS_UNLINK,
	FS_RMDIR,
	FS_CHMOD,
	FS_CHOWN,
	FS_UTIMENS,
	FS_SETACL,
	FS_SETLABEL,
	FS_TRUNCATE,
	FS_ALLOCATE,
	FS_CLONE,
	FS_FSYNC,
	FS_SYNCFS,
	FS_OP_COUNT
};
const char *fs_op_name(enum fs_op op);

struct fs_call {
	enum fs_op op;
	int fd;	    /* the file spoken of, or -1 */
	int dir_fd; /* with name, or -1 */
	const char *name;
	int to_dir_fd; /* where a rename, exchange or link leads */
	const char *to_name;
	const void *bytes; /* FS_WRITE */
	size_t len;
	int64_t offset; /* FS_WRITE: -1 means at the file's position */
};

struct fs_observer {
	/* 0: go on; else the errno with which the call fails without being made. May end the process. */
	int (*before)(void *context, const struct fs_call *call);
	/* RESULT as the call returned it (a descriptor for FS_CREATE), errno as it left it. */
	void (*after)(void *context, const struct fs_call *call, int result);
	void *context;
};
/* OBSERVER is borrowed until replaced; NULL takes it away. Called from several threads at once. */
void fs_observe(const struct fs_observer *observer);

/* O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC are added to FLAGS. */
int fs_create(int dir_fd, const char *name, int flags, mode_t mode);
/* The same without O_EXCL: for logs and locks. */
int fs_open_create(int dir_fd, const char *name, int flags, mode_t mode);
int fs_write(int fd, const void *bytes, size_t len);		      /* all of it, or -1 */
int fs_pwrite(int fd, const void *bytes, size_t len, int64_t offset); /* all of it, or -1 */
int fs_mkdir(int dir_fd, const char *name, mode_t mode);
int fs_symlink(const char *text, int dir_fd, const char *name);
int fs_link(int dir_fd, const char *name, int to_dir_fd, const char *to_name);
int fs_rename(int dir_fd, const char *name, int to_dir_fd, const char *to_name);     /* replaces */
int fs_rename_new(int dir_fd, const char *name, int to_dir_fd, const char *to_name); /* EEXIST when it is there */
int fs_exchange(int dir_fd, const char *name, int to_dir_fd, const char *to_name);   /* EINVAL: not known here */
int fs_unlink(int dir_fd, const char *name);
int fs_rmdir(int dir_fd, const char *name);
int fs_chmod(int fd, mode_t mode);
int fs_chmod_at(int dir_fd, const char *name, mode_t mode); /* EOPNOTSUPP for a link */
int fs_chown(int fd, uid_t uid, gid_t gid);
int fs_chown_at(int dir_fd, const char *name, uid_t uid, gid_t gid); /* of a link itself */
int fs_utimens(int fd, const struct timespec times[2]);
int fs_utimens_at(int dir_fd, const char *name, const struct timespec times[2]); /* of a link itself */
/* The SELinux label of FD, or of NAME, be it a link: LEN bytes as a file system keeps them. */
int fs_set_label(int fd, const void *label, size_t len);
int fs_set_label_at(int dir_fd, const char *name, const void *label, size_t len);
int fs_truncate(int fd, int64_t length);
int fs_allocate(int fd, int64_t length); /* blocks for the first LENGTH bytes */
int fs_clone(int fd, int from_fd);	 /* FICLONE: the whole file shared */
int fs_fsync(int fd);
int fs_fdatasync(int fd);
int fs_syncfs(int fd);

/* For calls that need a library and so a file of their own (fs_acl.c): announce CALL, let MAKE do it, conclude. */
int fs_observed(const struct fs_call *call, int (*make)(void *arg), void *arg);
/* Replace the ACLs of FD by ACCESS and DEFAULTS, in the long text form of acl(5); NULL: leave, "": remove. */
int fs_set_acl(int fd, const char *access, const char *defaults);
/* Extended ACLs as "access|default" in that form, "" when FD has none; the caller frees it. NULL and errno. */
char *fs_get_acl(int fd);
/* The permission bits that show in the mode of what has the ACL TEXT. 1: it says more than they do; 0: no more; -1: it
 * is no ACL. */
int fs_acl_mode(const char *text, mode_t *mode);
/* TEXT as chmod(2) to MODE leaves it, for the caller to free. NULL and errno. */
char *fs_acl_with_mode(const char *text, mode_t mode);

/* Below: no change to the file system by themselves, or made of the calls above. */

/* Open PATH (may have several components) beneath DIR_FD: no symbolic link anywhere in it, no way out by "..",
 * absolute paths or magic links. ELOOP or EXDEV when it tries. Falls back to a walk where openat2 is not allowed. */
int fs_open_beneath(int dir_fd, const char *path, int flags, mode_t mode);
/* The whole file, at most out->max bytes. 0: not there; 1: read. */
int fs_read_file(int dir_fd, const char *name, struct str *out, struct err *err);
/* A state file: written aside, fsynced, renamed over NAME, its folder fsynced. Nothing half-written is ever seen. */
int fs_write_file(int dir_fd, const char *name, const void *bytes, size_t len, mode_t mode, struct err *err);
/* Remove NAME and all below it, never through a link. What is not there is no failure; nor are an ordinary user's own
 * folders that forbid it. */
int fs_remove_tree(int dir_fd, const char *name, struct err *err);
/* mkdir -p PATH (absolute or relative to the working directory), each new folder with MODE. Nothing is flushed. */
int fs_make_path(const char *path, mode_t mode, struct err *err);
int fs_open_dir(const char *path, struct err *err); /* O_DIRECTORY | O_CLOEXEC; follows links */
/* A time of stat(2) as one number, nanoseconds since 1970. */
int64_t fs_nanoseconds(const struct timespec *t);
