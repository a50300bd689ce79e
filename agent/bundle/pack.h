/* bundle/pack.h - from a folder to a bundle file: the same folder always becomes the same bytes.
 *
 * Names in the order of their bytes, owner 0 without a name, modes (07777) and links as they are, times in whole
 * seconds, nothing of this host or of now. Files with several names are packed once for each. The file is made aside,
 * in the folder where it will lie, and renamed when it is complete; it is never packed into itself.
 * zip keeps less: no setuid, setgid and sticky bits (unzip drops them), no names that are not UTF-8.
 */
#pragma once

#include "bundle/warnings.h"
#include "util/digest.h"
#include "util/err.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

enum pack_type { PACK_TGZ, PACK_TAR, PACK_TAR_ZST, PACK_ZIP, PACK_TYPE_COUNT };
const char *pack_type_name(int type); /* "tgz", as --type and a revision's BundleType spell it */

struct pack_options {
	enum pack_type type;
	int64_t latest_s;	 /* later times become this one (SOURCE_DATE_EPOCH) */
	mode_t mode;		 /* of the bundle file */
	const atomic_bool *stop; /* NULL: never. True: give up, ERR_STOPPED */
};

struct pack_report {
	uint64_t entries, files, bytes; /* members, regular files among them, bytes of their content */
	uint64_t size;			/* of the bundle file */
	unsigned char digest[DIGEST_BYTES];
	struct warnings warnings;
};

/* Pack what is in FOLDER into OUTPUT, which is replaced when it is there. REPORT is the caller's, written only on
 * success: pack_report_done().
 * ERR_BUNDLE: what no bundle may hold, or a file that changes meanwhile; ERR_SOURCE: FOLDER cannot be opened. */
int pack_folder(const char *folder, const char *output, const struct pack_options *options, struct pack_report *report,
		struct err *err);
void pack_report_done(struct pack_report *report);
