/* bundle/unpack.h - from a bundle, an archive file or a folder, to the folder `deployment-archive`.
 *
 * Nothing is written outside that folder and nothing through a link (entry_guard.h). Everything is unpacked into
 * `deployment-archive-temp` and renamed when it is complete, so `deployment-archive` is all of the bundle or not
 * there; whatever fails leaves neither. Nothing is flushed: the caller's syncfs does that.
 * The content decides what an archive is: tar (ustar, pax, GNU), plain or in gzip or zstd, or zip.
 * Source: spec/codedeploy-agent.md section 6.2 and 6.3, PRODUCT sections 4 and 5.
 */
#pragma once

#include "bundle/warnings.h"
#include "model/digest_index.h"
#include "util/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define UNPACK_FOLDER	   "deployment-archive"
#define UNPACK_TEMP_FOLDER "deployment-archive-temp"

struct unpack_options {
	uint64_t max_entries, max_bytes, max_ratio; /* 0: any */
	bool restore_owner; /* owner, setuid and setgid of an archive, as root's `tar -p`: names before numbers */
	bool refuse_outside_links; /* links that lead out of the bundle are an error, not a warning */
	bool silent_about_links;   /* no warning about them either: the caller looks for them itself */
	bool threads;		   /* false: all file calls in this thread, in the order of the bundle */
	const atomic_bool *stop;   /* NULL: never. True: give up, ERR_STOPPED */
	/* Now and then, in the calling thread: so many files and bytes of content were read. NULL: nobody asks. */
	void (*progress)(void *context, uint64_t files, uint64_t bytes);
	void *context;
};

struct unpack_report {
	uint64_t entries, files, bytes; /* members, regular files among them, bytes of their content */
	bool has_digest;
	unsigned char digest[DIGEST_SIZE]; /* SHA-256 of the archive file as it was read */
	const char *type;		   /* of an archive: "tar", "tgz", "tar.zst" or "zip", as its content says */
	struct warnings warnings;
};

/* Unpack the archive PATH into `deployment-archive` beneath DIR_FD (removed first if it is there). A single leading
 * folder with an appspec in it is stripped. The SHA-256 of each regular file goes into IX. REPORT is the caller's,
 * written only on success: unpack_report_done().
 * ERR_SOURCE: cannot be opened; ERR_BUNDLE: damaged, hostile, over a limit, not supported; ERR_NO_SPACE. */
int unpack_archive(const char *path, int dir_fd, const struct unpack_options *options, struct digest_index *ix,
		   struct unpack_report *report, struct err *err);
/* Copy the folder PATH to `deployment-archive` beneath DIR_FD: links stay links, modes and times are kept, the owner
 * is this process's (setuid and setgid go where that differs). The folder DIR_FD itself is left out, with a warning,
 * when it lies below PATH. Sockets, devices and pipes are ERR_BUNDLE. */
int unpack_folder(const char *path, int dir_fd, const struct unpack_options *options, struct digest_index *ix,
		  struct unpack_report *report, struct err *err);
void unpack_report_done(struct unpack_report *report);
