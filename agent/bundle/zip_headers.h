/* bundle/zip_headers.h - reads a zip a second time as a stream: what stands before each member, without the list.
 *
 * A zip says everything twice: before each member, and in the list at its end. Programs differ in what they believe.
 * libzip compares both for the members of the list; only going through the file from its beginning shows members that
 * are not in it, that lie within one another, or that stand in another order.
 * Source: spec/reliability-security.md P20.
 */
#pragma once

#include "bundle/unpack.h"
#include "bundle/zip_input.h"

#include <stdbool.h>
#include <zip.h>

/* ERR_BUNDLE: members of the file and the list of Z differ. IN, Z and OPTIONS are borrowed. LISTED: libzip has compared
 * each member of the list with its header (ZIP_CHECKCONS); else names and checksums are compared here, and the list
 * must end where the file does. Content is only looked at where that is needed, and not beyond what the list says. */
int zip_headers_check(struct zip_input *in, zip_t *z, bool listed, const struct unpack_options *options,
		      struct err *err);
