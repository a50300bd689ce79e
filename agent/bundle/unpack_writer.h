/* bundle/unpack_writer.h - members of a bundle become files beneath one folder, never through a link.
 *
 * Paths are canonical (entry_guard.h). One thread at a time. Each regular file's SHA-256 goes into the index as the
 * file stands after its last change.
 */
#pragma once

#include "bundle/attributes.h"
#include "bundle/warnings.h"
#include "model/digest_index.h"
#include "util/err.h"

#include <stdbool.h>
#include <stdint.h>

enum member_kind { MEMBER_FOLDER, MEMBER_FILE, MEMBER_LINK, MEMBER_HARD_LINK };

struct member {
	enum member_kind kind;
	struct attributes attributes;
	const char *path; /* "" is the bundle's folder itself */
	const char *text; /* where a link leads; of a hard link the canonical path of the first name; else "" */
	bool hashed;	  /* digest is that of the content */
	unsigned char digest[DIGEST_SIZE];
};

struct unpack_writer;

/* ROOT_FD is borrowed, as are IX and WARNINGS. THREADS: content of big files goes to the disk early, by another. */
struct unpack_writer *unpack_writer_new(int root_fd, bool threads, struct digest_index *ix, struct warnings *warnings);
void unpack_writer_free(struct unpack_writer *w); /* NULL is fine */

/* A whole member; BYTES and LEN are the content of a file. */
int unpack_writer_put(struct unpack_writer *w, const struct member *m, const void *bytes, size_t len, struct err *err);
/* A file in pieces, in order; what lies between them is a hole. */
int unpack_writer_begin(struct unpack_writer *w, const struct member *m, struct err *err);
int unpack_writer_piece(struct unpack_writer *w, const void *bytes, size_t len, uint64_t offset, struct err *err);
int unpack_writer_end(struct unpack_writer *w, uint64_t size, struct err *err);
/* The folders whose attributes wait. */
struct folder_list *unpack_writer_folders(struct unpack_writer *w);
