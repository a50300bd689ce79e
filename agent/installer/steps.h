/* installer/steps.h - the changes that turn the old tree into the new one, and how they are written to the journal.
 *
 * Everything is staged before the first step: a step only renames, or sets a folder's attributes. What a step takes
 * away goes to a private folder (a place) on the same mount, under the number of the step, so that it can come back.
 * Identities (device, inode) make each step idempotent: whoever does it again sees that it is done.
 */
#pragma once

#include "installer/journal.h"
#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum step_kind {
	STEP_PLACE,	    /* staged -> name, where nothing stands */
	STEP_EXCHANGE,	    /* staged <-> name */
	STEP_REMOVE,	    /* name -> place */
	STEP_REMOVE_FOLDER, /* the same for a folder, if it is empty */
	STEP_ATTRIBUTES,    /* mode, owner, group and ACL of a folder that stays */
	STEP_KIND_COUNT
};

struct step_attributes {
	uint32_t mode, uid, gid;
};

struct step {
	const char *name;	    /* of the entry in its folder; borrowed */
	const char *second_name_of; /* STEP_PLACE: what is staged is another name of this entry; not in the journal */
	const char *acl_before, *acl_after; /* STEP_ATTRIBUTES: "access|default" in long text form; "": none */
	uint32_t folder;		    /* index in folders */
	uint32_t place;			    /* index in places */
	uint32_t number;		    /* the name in the place, in hexadecimal */
	enum step_kind kind;
	uint64_t new_dev, new_ino; /* of what is staged */
	uint64_t old_ino;	   /* of what stands at the name; 0: nothing */
	struct step_attributes before, after;
};

struct step_folder {
	const char *path; /* absolute, free of links; borrowed */
	uint64_t dev, ino;
	int64_t mtime_ns; /* before the first step: an undone install leaves no trace */
};

struct step_place {
	const char *parent; /* absolute; borrowed */
	const char *name;   /* of the private folder in it */
	int64_t parent_mtime_ns;
};

enum label_flags {
	LABEL_FORTH = 1,   /* the path gets its label anew when the steps are done */
	LABEL_BACK = 2,	   /* and when they are undone: the same folder stands there then */
	LABEL_FOREIGN = 4, /* the rule before was made by a CodeDeploy agent, or recorded for one */
};

/* The SELinux rule of a path, and what stands there by then: installer/label.h. */
struct step_label {
	const char *path;	    /* absolute, free of links; borrowed */
	const char *before, *after; /* the rules: installer/context_rule.h; "": none; borrowed */
	uint32_t flags;		    /* enum label_flags */
	uint32_t line;		    /* of the appspec's entry; 0: none speaks of it any more */
};

struct steps {
	struct step *items;
	size_t count, capacity;
	struct step_folder *folders;
	size_t folder_count, folder_capacity;
	struct step_place *places;
	size_t place_count, place_capacity;
	struct step_label *labels;
	size_t label_count, label_capacity;
	struct arena *arena; /* strings of its own; NULL when all are borrowed from a journal */
};

void steps_init(struct steps *s);
void steps_done(struct steps *s);
struct step *steps_add(struct steps *s);
uint32_t steps_add_folder(struct steps *s, const char *path, uint64_t dev, uint64_t ino,
			  int64_t mtime_ns);		     /* copies PATH */
const char *steps_string(struct steps *s, const char *text); /* a copy that lives as long as S */
uint32_t steps_add_place(struct steps *s, const char *parent, const char *name, int64_t parent_mtime_ns); /* copies */
void steps_add_label(struct steps *s, const struct step_label *l);					  /* copies */

int steps_write_places(const struct steps *s, struct journal *j, struct err *err);
/* Folders, steps and labels; reserves room first. */
int steps_write(const struct steps *s, struct journal *j, struct err *err);

enum steps_state { STEPS_STAGED, STEPS_COMMITTED, STEPS_DONE, STEPS_ENDING, STEPS_FAILED, STEPS_UNDONE, STEPS_ENDED };
/* From the records of an earlier run; strings are borrowed from J. ERR_STATE when they make no sense. */
int steps_read(const struct journal *j, struct steps *out, enum steps_state *state, struct err *err);
