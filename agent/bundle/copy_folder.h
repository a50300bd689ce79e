/* bundle/copy_folder.h - a bundle that is a folder, copied with digests. */
#pragma once

#include "bundle/unpack.h"

/* Copy all below FROM_FD into the empty folder TO_FD. OWN_FD, when it is found below FROM_FD, is left out. REPORT gets
 * counts and warnings; the caller gives it back also when this fails. */
int copy_folder(int from_fd, int to_fd, int own_fd, const struct unpack_options *options, struct digest_index *ix,
		struct unpack_report *report, struct err *err);
