/* bundle/entry_guard.h - which names, links and sizes a bundle may hold. Pure.
 *
 * Whatever a bundle says about a place is made canonical here before any file call sees it. Names are bytes: they
 * need not be UTF-8. Refusals are ERR_BUNDLE, name the entry made printable and say what to do.
 * Source: PRODUCT sections 4 and 5, reliability-security P15, P16, P18.
 */
#pragma once

#include "util/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GUARD_PATH_MAX	4096
#define GUARD_PART_MAX	255
#define GUARD_DEPTH_MAX 128

/* A path below the bundle's folder: no "." or empty parts, no slash at its ends; "" is the folder itself. */
struct entry_path {
	char text[GUARD_PATH_MAX + 1];
	size_t len;
	size_t base; /* offset of the last part */
	unsigned depth;
};
/* Refuses absolute and empty names, "..", NUL, more than GUARD_PATH_MAX bytes, parts over GUARD_PART_MAX bytes and
 * more than GUARD_DEPTH_MAX of them. */
int guard_path(const char *name, size_t len, struct entry_path *out, struct err *err);
/* The same for TARGET, the member that the hard link NAME leads to. */
int guard_hard_link(const char *name, size_t len, const char *target, struct entry_path *out, struct err *err);
/* Only files, folders and links; TYPE is an S_IFMT value, 0 for a kind of member that is not known. */
int guard_type(const char *name, size_t len, mode_t type, struct err *err);

#define GUARD_OUTSIDE (-1)
/* How far up the link at PATH goes when its TEXT is followed: the number of folders above the lowest place it passes,
 * so 0 is the bundle's own folder, GUARD_OUTSIDE above that (or absolute). Text only: other links are not followed. */
int guard_link_floor(const struct entry_path *path, const char *text);

/* Each is fine with MAX 0: no limit. The message names limit, value and configuration key. */
int guard_entries(uint64_t entries, uint64_t max, struct err *err);
int guard_bytes(uint64_t bytes, uint64_t max, struct err *err);
/* PACKED bytes were read so far, UNPACKED came of them. Counts from 256 MiB unpacked on: a bundle may begin with that
 * much emptiness, and a bomb costs no more. */
int guard_ratio(uint64_t unpacked, uint64_t packed, uint64_t max, struct err *err);

/* NAME for people: printable, cut when long. */
struct shown {
	char text[256];
};
struct shown guard_shown(const char *name, size_t len);
