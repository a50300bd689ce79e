/* script/files.h - what slipway.fs does with the host's files: its C half.
 *
 * Paths are absolute. Every change goes through util/fs.h and happens with the rights of the process. What replaces
 * something appears by a rename: nobody sees half of it, and nothing is left behind when it fails. Links on the way to
 * a name are followed, as every program does; the name itself never is, unless it says so below.
 * Errors: ERR_SYS (ERR_NO_SPACE) with sys and the path, ERR_STATE for what is not what it should be or over a limit,
 * ERR_STOPPED when give_up() said so.
 */
#pragma once

#include "util/digest.h"
#include "util/err.h"
#include "util/str.h"

#include <stdbool.h>
#include <sys/types.h>

#define FILES_KEEP_MODE ((mode_t)-1) /* the one that is there, 0644 for something new */
#define FILES_KEEP_ID	((unsigned)-1)

/* Asked between two pieces of long work. */
struct files_patience {
	bool (*give_up)(void *context);
	void *context;
};

/* Names in the order of their bytes. Zero-initialise; files_names_done(). */
struct files_names {
	char **items;
	size_t count, capacity;
};
void files_names_done(struct files_names *names);

/* A regular file, following a link; at most out->max bytes. */
int files_read(const char *path, struct str *out, struct err *err);
/* The digest of the same in hexadecimal digits. */
int files_digest(const char *path, const struct files_patience *p, char out[DIGEST_HEX_SIZE], struct err *err);
/* The owner stays as it was where that is allowed. */
int files_write(const char *path, const char *text, size_t len, mode_t mode, struct err *err);
/* The same in pieces: nothing is to be seen at PATH before the end, and nothing is left of it without one. PATH is
 * borrowed until files_stream_free(), which may be called at any time; NULL is fine. */
struct files_stream;
int files_stream_open(const char *path, struct files_stream **out, struct err *err);
int files_stream_write(struct files_stream *s, const char *bytes, size_t len, struct err *err);
int files_stream_finish(struct files_stream *s, mode_t mode, struct err *err);
void files_stream_free(struct files_stream *s);
/* FROM (following a link) with its mode, in place of TO if there is a file. */
int files_copy(const char *from, const char *to, const struct files_patience *p, struct err *err);
/* Swapped in place of a link that is there; ERR_STATE for anything else there. */
int files_symlink(const char *target, const char *path, struct err *err);
int files_readlink(const char *path, struct str *out, struct err *err);
/* What is in a folder, without "." and "..". */
int files_list(const char *path, struct files_names *out, struct err *err);
/* What fits a pattern of the shell, component by component (fnmatch(3): * ? [..]); a leading dot must be written out.
 * What may not be looked into is passed over. */
int files_glob(const char *pattern, const struct files_patience *p, struct files_names *out, struct err *err);
/* PARENTS: make missing ones, and be content with a folder that is there. MODE is not cut by the umask. */
int files_mkdir(const char *path, mode_t mode, bool parents, struct err *err);
/* 0: it was not there. 1: removed. Without RECURSIVE a folder must be empty. The root and "." or ".." at the end are
 * refused. */
int files_remove(const char *path, bool recursive, struct err *err);
int files_rename(const char *from, const char *to, struct err *err);
/* A link is refused. */
int files_chmod(const char *path, mode_t mode, struct err *err);
/* Of a link itself. Names or numbers; NULL: stays. */
int files_chown(const char *path, const char *owner, const char *group, struct err *err);
