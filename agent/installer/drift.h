/* installer/drift.h - what has become of what was installed: a manifest compared with the disk. Reads only.
 *
 * Identity comes first: a file whose inode, size and time of change of its content are as recorded is not read (its
 * ctime says nothing: renames change it). Else its content counts, by its digest where the manifest has one. What a
 * manifest taken over from another agent does not know (no inode) is only looked at for being there, as is what was
 * edited by hand and retained.
 */
#pragma once

#include "installer/manifest.h"

#include <sys/stat.h>

enum drift_flags {
	DRIFT_MISSING = 1,
	DRIFT_TYPE = 2, /* a folder where a file was, or the like */
	DRIFT_CONTENT = 4,
	DRIFT_LINK = 8, /* leads elsewhere */
	DRIFT_MODE = 16,
	DRIFT_OWNER = 32,      /* user or group */
	DRIFT_UNREADABLE = 64, /* its content could not be compared */
};

struct drift {
	const char *path; /* absolute; borrowed, as is the other */
	const struct manifest_entry *entry;
	unsigned flags;
	struct stat found; /* unless DRIFT_MISSING */
};

/* Pure: what FOUND alone tells about E. *READS: its content must be compared to know. */
unsigned drift_compare(const struct manifest_entry *e, const struct stat *found, bool *reads);

/* Compare all that is ours in M with the disk and call REPORT (NULL: nobody) for each entry that deviates, parents
 * first; below a missing folder everything is missing. *COUNT: how many deviate, *CHECKED: how many there are (each may
 * be NULL). */
int drift_check(const struct manifest *m, void (*report)(void *context, const struct drift *d), void *context,
		uint64_t *count, uint64_t *checked, struct err *err);

/* The path of entry I, absolute; the caller frees it. */
char *drift_path(const struct manifest *m, uint32_t i);
