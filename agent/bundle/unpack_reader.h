/* bundle/unpack_reader.h - reads an archive, judges each member, and sends it to the writer. */
#pragma once

#include "bundle/unpack.h"
#include "bundle/unpack_channel.h"
#include "bundle/warnings.h"
#include "util/err.h"

/* What was found that can only be judged when the whole archive is known. */
struct unpack_findings {
	struct warnings outside;	     /* links that lead out of the bundle */
	struct warnings outside_if_stripped; /* and these, when the leading folder goes */
};
void unpack_findings_done(struct unpack_findings *f);

/* Read all of PATH into CHANNEL. Counts, digest and warnings go to REPORT, which the caller gives back also when this
 * fails. -1 without ERR set: the writer failed, channel_finish() tells why. */
int unpack_read(const char *path, const struct unpack_options *options, struct channel *channel,
		struct unpack_report *report, struct unpack_findings *findings, struct err *err);
