/* bundle/members.h - the members of an archive one after the other, whatever its format.
 *
 * Two kinds: tar decoded by libarchive (tar_members.c), zip by libzip (zip_members.c). Neither touches the disk nor
 * judges names: whoever asks does (unpack_reader.c).
 */
#pragma once

#include "bundle/bundle_stream.h"
#include "bundle/unpack.h"
#include "util/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct archive_member {	       /* texts are borrowed until the next one */
	const char *name;      /* bytes as they stand in the archive; "" when it has none */
	const char *link;      /* where a link leads; NULL: nowhere */
	const char *hard_link; /* NULL: it is none */
	const char *user, *group;
	mode_t mode;	/* type and permissions; type 0: not known */
	bool has_owner; /* uid and gid mean something, and so do the bits above 0777 */
	int64_t uid, gid;
	int64_t size;
	struct timespec mtime;
};

struct members_kind {
	/* STREAM is borrowed and stands at its beginning, as are OPTIONS and REPORT, which gets warnings. */
	int (*open)(struct bundle_stream *stream, const struct unpack_options *options, struct unpack_report *report,
		    void **out, struct err *err);
	int (*next)(void *state, struct archive_member *out, struct err *err); /* 1; 0: it was the last one */
	/* The next piece of the content of a file, 1; 0 at its end, where its checksum was right. */
	int (*piece)(void *state, const void **bytes, size_t *len, uint64_t *offset, struct err *err);
	uint64_t (*packed)(const void *state);	     /* bytes that what came so far takes in the archive */
	int (*finish)(void *state, struct err *err); /* after the last one: is the archive whole? */
	void (*close)(void *state);
};

extern const struct members_kind tar_members, zip_members;

/* True: give up (ERR is set). */
bool members_stopped(const struct unpack_options *options, struct err *err);
