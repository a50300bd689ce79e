/* installer/place.h - private folders: where new things wait to be placed and old ones until the deployment has ended.
 *
 * A place is a 0700 folder on the mount it serves. Inside, what belongs to step number n lies in folder n / 128 under
 * the name n % 128 (both hexadecimal): no folder gets so large that two threads wait for each other at its lock.
 */
#pragma once

#include "installer/steps.h"
#include "util/err.h"

#include <stdbool.h>

/* Make the places of S and the folders in them. No ACL is handed down to them. */
int place_make(const struct steps *s, struct err *err);

/* The folder in which entry NUMBER of place PLACE lies: a descriptor for the caller to close. */
int place_open(const struct steps *s, uint32_t place, uint32_t number, struct err *err);
/* The place itself. */
int place_open_top(const struct step_place *p, struct err *err);
/* The name of the folder in it where entry NUMBER lies. */
struct place_folder {
	char text[16];
};
struct place_folder place_folder(uint32_t number);
bool place_shares_folder(uint32_t number, uint32_t other);
/* The entry's name there, and the name of what was moved aside for it where no exchange is possible. */
struct place_names {
	char entry[8], old[8];
};
struct place_names place_names(uint32_t number);

enum place_removal {
	PLACE_QUIETLY = 1,  /* the parents get the times back that they had before */
	PLACE_THREADED = 2, /* two threads at once */
};
/* Remove the places with all that is in them; HOW: of the enum. Places that are not there are no failure. */
int place_remove(const struct steps *s, unsigned how, struct err *err);

/* Open an absolute path without following any link. -1 and errno. */
int place_open_absolute(const char *path, int flags);
/* Give the folder PATH the time MTIME_NS; when its inode is not INO (0: any) it is not ours any more and left alone. */
int place_restore_time(const char *path, uint64_t ino, int64_t mtime_ns);
