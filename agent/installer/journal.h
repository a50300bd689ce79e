/* installer/journal.h - what an install has done so far, so that it can be finished or undone.
 *
 * Shape: the preallocated file `journal` in the deployment's folder, records one after another:
 *     u32 length, u32 sequence, u32 first sequence of its batch, u32 type, payload (length bytes), u32 CRC-32 of all
 * that Native byte order (it never leaves its host); zeroes end it. Records are gathered and made durable batch by
 * batch (journal_flush), so a crash can tear only the last batch: a record that is damaged there, and all after it,
 * never happened. A sound record of a later batch behind a damaged one means damage in the middle: ERR_STATE, never a
 * guess. The first record says which version wrote it. CRC-32 is zlib's. Source: DESIGN.md section 6,
 * spec/reliability-security.md P8.
 */
#pragma once

#include "util/err.h"

#include <stddef.h>
#include <stdint.h>

#define JOURNAL_NAME	"journal"
#define JOURNAL_VERSION 1

enum journal_type {
	JOURNAL_HEADER = 1, /* u32 version */
	JOURNAL_PLACE,	    /* a private folder that is going to be made */
	JOURNAL_FOLDER,	    /* a folder whose entries will change */
	JOURNAL_STEP,	    /* one change */
	JOURNAL_COMMIT,	    /* everything staged is durable: from here on the steps are done whatever happens */
	JOURNAL_DONE,	    /* all steps are done and durable */
	JOURNAL_FAILED,	    /* the steps are to be undone */
	JOURNAL_UNDONE,	    /* they are */
	JOURNAL_END,	    /* nothing is left to do: private folders are gone */
	JOURNAL_ENDING,	    /* it stays done: what was kept aside is going, so there is no way back */
	JOURNAL_LABEL,	    /* an SELinux rule that comes, changes or goes with the steps */
	JOURNAL_TYPE_COUNT
};

struct journal;

struct journal_record {
	enum journal_type type;
	const char *payload; /* borrowed from the journal */
	size_t len;
};

/* A new journal under DIR_FD (borrowed). Its header is part of the first batch, and the first flush makes its name
 * durable, too. The caller owns *OUT. */
int journal_create(int dir_fd, struct journal **out, struct err *err);
/* The journal of an earlier run, ready to be added to. 0: there is none; 1: opened, its records by journal_record().
 * ERR_STATE: damaged before its last batch, or of a newer version. */
int journal_open(int dir_fd, struct journal **out, struct err *err);
size_t journal_count(const struct journal *j);
const struct journal_record *journal_record(const struct journal *j, size_t index);

/* Room on the disk for BYTES more of payload in COUNT records, and for the few that follow. */
int journal_reserve(struct journal *j, size_t bytes, size_t count, struct err *err);
/* Add to the batch. PAYLOAD is copied. */
int journal_add(struct journal *j, enum journal_type type, const void *payload, size_t len, struct err *err);
/* Make the batch durable with one fdatasync. */
int journal_flush(struct journal *j, struct err *err);
/* journal_add without payload and journal_flush. */
int journal_mark(struct journal *j, enum journal_type type, struct err *err);
/* The same without waiting for the disk: for END, which says only that there is nothing to do. */
int journal_close(struct journal *j, struct err *err);
void journal_free(struct journal *j); /* NULL is fine; never removes the file */
