/* installer/manifest.h - what the last successful install of a deployment group put on the disk.
 *
 * Shape of the file `manifest` in the deployment's folder: a header (magic, version, counts, CRC-32 of the rest), an
 * array of fixed entries, a pool of NUL-terminated names. Native byte order: it never leaves its host, and the magic
 * tells. Entries form a tree from `/` down, parents first; folders that were there before are in it only as the way
 * to what is ours. It is mapped, not read: a million files cost no heap.
 * An edited file that 'slipway: overwrite' retains is recorded as the bundle has it, as dpkg does with a conffile:
 * whoever puts that content there himself gets the next version again.
 * A file counts as untouched since when device, inode, size, mtime and ctime are as recorded (DESIGN section 6).
 */
#pragma once

#include "model/digest_index.h"
#include "util/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum manifest_flags {
	MANIFEST_OURS = 1,	 /* installed by us; else only the way to something that is */
	MANIFEST_HAS_DIGEST = 2, /* of the content; never of a folder or link */
	MANIFEST_EDITED = 4,	 /* what stands there is not this, but was edited by hand and retained */
	MANIFEST_FOREIGN = 8,	 /* its SELinux rule is another agent's: LABEL_FOREIGN of installer/steps.h */
};

struct manifest_entry {
	uint32_t parent; /* index; entry 0 is `/`, its own parent */
	uint32_t name;	 /* offset in the pool */
	uint32_t text;	 /* of a link: where it leads; else 0 */
	uint32_t acl;	 /* canonical entries, joined by commas; `|` and the default ACL it inherited; 0: none */
	uint32_t uid, gid;
	uint16_t mode;
	uint8_t type;	   /* enum tree_type */
	uint8_t flags;	   /* enum manifest_flags */
	uint32_t context;  /* its SELinux rule, installer/context_rule.h; 0: none is ours */
	uint64_t dev, ino; /* 0: not known (taken over from another agent) */
	int64_t size, mtime_ns, ctime_ns;
	unsigned char digest[DIGEST_SIZE];
};

struct manifest {
	const struct manifest_entry *entries;
	uint32_t count;
	const char *pool;
	size_t pool_len;
	void *mapped; /* the file, or NULL when built in memory */
	size_t mapped_len;
	struct manifest_entry *built;
	char *built_pool;
};

/* 0: there is none, 1: opened, the caller owns *OUT. ERR_STATE: damaged, or written by a newer agent. */
int manifest_open(int dir_fd, const char *name, struct manifest **out, struct err *err);
/* From the `<group>-cleanup` file of a CodeDeploy agent (LEN bytes at TEXT): paths without identities, so that a
 * host can change over without the old files standing in the way. Relative and unfinished lines are left out.
 * INSTRUCTIONS: its `<group>-install.json`, which tells the SELinux rules (NULL: all that is known is that there are
 * some). */
struct manifest *manifest_from_cleanup(const char *text, size_t len, const json_t *instructions);
void manifest_free(struct manifest *m);

const char *manifest_name(const struct manifest *m, uint32_t index);
const char *manifest_text(const struct manifest *m, uint32_t offset); /* "" for 0 */

/* Writing goes through a buffer to NAME under DIR_FD, which must not exist; nothing is flushed. */
struct manifest_writer;
int manifest_create(int dir_fd, const char *name, struct manifest_writer **out, struct err *err);
/* Entries come parents first; ENTRY's name, text, acl and context are given as strings here (NULL: none). */
int manifest_add(struct manifest_writer *w, struct manifest_entry *entry, const char *name, const char *text,
		 const char *acl, const char *context, struct err *err);
int manifest_finish(struct manifest_writer *w, struct err *err); /* pool and header */
void manifest_writer_free(struct manifest_writer *w);		 /* NULL is fine; leaves the file */
