/* bundle/unpack_channel.h - hands members from the thread that reads a bundle to the one that writes the files.
 *
 * Without threads each is written when it is sent, in the same order. Memory is bounded by the ring.
 */
#pragma once

#include "bundle/unpack_writer.h"
#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_PIECE (128 * 1024) /* most content in one record */

enum record_kind { RECORD_MEMBER, RECORD_BEGIN, RECORD_PIECE, RECORD_END };

struct record {
	enum record_kind kind;
	struct member member; /* RECORD_MEMBER, RECORD_BEGIN; path and text lie in the record */
	uint64_t offset;      /* RECORD_PIECE; RECORD_END: size of the file */
	size_t len;	      /* of the content */
	char *content;
};

struct channel;

/* WRITER is borrowed; with THREADS it is used by another thread until channel_finish(). */
int channel_open(struct unpack_writer *writer, bool threads, struct channel **out, struct err *err);
/* Room for a record with PATH, TEXT and LEN bytes of content (at most CHANNEL_PIECE); the content is to be filled in.
 * NULL: the writer has failed, channel_finish() tells why. */
struct record *channel_room(struct channel *c, enum record_kind kind, const char *path, const char *text, size_t len);
int channel_send(struct channel *c); /* the record of the last channel_room(); -1: see there */
/* The writer is behind: whoever reads should do what it can. */
bool channel_crowded(struct channel *c);
/* Ends the channel and frees it: COMPLETE waits until all is written, else what is under way is dropped. -1: the
 * writer failed; ERR is then its error, and untouched otherwise. */
int channel_finish(struct channel *c, bool complete, struct err *err);
