/* installer/plan.h - what an install will do, decided before anything is touched. Pure.
 *
 * Input: the appspec, the listing of the bundle, the manifest of the group's last successful install, and the world as
 * installer/world.h shows it. Output: a tree of paths from `/` down with an action at each, and a list of everything
 * that stands in the way; the same input gives the same plan. Rules: spec/codedeploy-agent.md sections 7.1-7.7 in the
 * order of 11.2 Q10 (what the last revision installed counts as gone before anything is checked), PRODUCT section 4;
 * plan_overwrite.c has those of 'slipway: overwrite', as docs/appspec.md tells them.
 *
 * A destination that goes through links to folders is resolved here, once: `real` of such a node tells where its
 * content lands. A link where a file is to be is no way but what stands there. Actions stand on real nodes; permissions
 * speak of paths as the appspec spells them.
 * About 56 bytes a path; names are borrowed from the listing, the manifest and the appspec, which must outlive the
 * plan.
 */
#pragma once

#include "appspec/appspec.h"
#include "installer/manifest.h"
#include "installer/policy.h"
#include "installer/world.h"
#include "model/digest_index.h"
#include "model/tree.h"
#include "util/name_index.h"

enum plan_want {
	PLAN_WANT_NOTHING,
	PLAN_WANT_FOLDER, /* to be made */
	PLAN_WANT_FILE,
	PLAN_WANT_LINK,
	PLAN_WANT_RETAINED, /* the bundle has it, what stands there stays and is not ours */
	PLAN_WANT_EDITED,   /* the bundle has it, what stands there stays, was ours and still is */
	PLAN_WANT_WAY,	    /* a link that stays: a destination of this install leads through it */
};

enum plan_action {
	PLAN_STAY,   /* not ours to change */
	PLAN_ADD,    /* nothing is there, or what was there goes first */
	PLAN_CHANGE, /* takes the place of what is there */
	PLAN_KEEP,   /* ours, and already as it must be */
	PLAN_REMAKE, /* a folder of ours that stays, with other attributes */
	PLAN_REMOVE, /* ours from the last revision, wanted no more (or in the way of a file: then before PLAN_ADD) */
};

enum plan_flags {
	PLAN_PROBED = 1,
	PLAN_OURS = 2,	       /* the last manifest lists it */
	PLAN_STAYS = 4,	       /* it is not ours, or a folder of ours that holds what is not; see PLAN_FATE */
	PLAN_GOES = 8,	       /* it is ours and will be gone, with all below it */
	PLAN_DESTINATION = 16, /* a destination of the appspec's files section */
	PLAN_SETGID = 32,      /* an existing folder that hands its group down */
	PLAN_ALIAS = 64,       /* wanted only by way of a link: its spelling is another node */
	PLAN_UNTOUCHED = 128,  /* exactly what the manifest recorded */
	PLAN_FATE = PLAN_STAYS | PLAN_GOES, /* mask: when the last revision's files go; 0: nobody has asked yet */
	PLAN_HELD = PLAN_FATE, /* stays although it is ours: edited since, or a folder that holds such a file */
};

struct plan_node {
	const char *name;
	uint64_t ino; /* of what stands there */
	uint32_t parent;
	uint32_t last; /* last child (children are a circle: last->next is the first), TREE_NONE: no child */
	uint32_t next;
	uint32_t real;	 /* itself, or where a spelling by way of links leads */
	uint32_t source; /* in the bundle's listing; TREE_NONE */
	uint32_t old;	 /* in the last manifest; TREE_NONE */
	uint32_t attr;	 /* 1-based in attrs; 0: none */
	uint8_t disk;	 /* enum disk_kind */
	uint8_t want;	 /* enum plan_want */
	uint8_t action;	 /* enum plan_action */
	uint8_t flags;
};

struct plan_attr { /* what a permission entry says, names resolved */
	bool has_mode, has_uid, has_gid;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	const struct appspec_permission *permission; /* its acls */
	const char *acl;			     /* canonical, joined by commas; NULL: none */
	const char *context;			     /* the SELinux rule, installer/context_rule.h; NULL: none */
};

/* What stands where the bundle has something to put, and is not simply ours to replace. */
struct plan_conflict {
	uint32_t node;	      /* where it lies */
	uint32_t source;      /* in the bundle's listing; TREE_NONE: a folder on the way */
	enum verdict verdict; /* VERDICT_RETAIN_OURS: it was ours, and was edited since */
	bool types_clash;     /* a folder stands where a file is to be, or the like: no policy decides */
	const struct appspec_overwrite *rule; /* that has decided; NULL: the behavior in force */
};

struct plan_heritage { /* of a folder that stays, for what is made in it */
	uint32_t node;
	struct disk_heritage is;
};

struct plan_counts {
	uint64_t planned, added, changed, unchanged, removed, retained; /* files and links */
	uint64_t bytes;							/* to be written */
	uint64_t folders;						/* to be made */
};

/* One conflict that a rule leaves to a script. All borrowed for the call. */
struct plan_question {
	const struct appspec_overwrite *rule;
	const char *path; /* as the appspec spells it, without install_prefix */
	struct disk_entry exists;
	const unsigned char *exists_digest; /* NULL: it is no file, or may not be read */
	bool ours;			    /* the last revision installed it, and it was edited since */
	const struct tree_entry *comes;
	const unsigned char *comes_digest; /* NULL: it is no file, or not known */
};

/* Who asks the scripts of rules with a 'policy'; the plan itself stays pure. Negative when there is no answer: what ERR
 * says refuses the install. */
struct plan_asker {
	int (*ready)(void *context, const struct appspec_overwrite *rule, struct err *err); /* once a rule, first */
	/* -2: and there will be none to any other question */
	int (*ask)(void *context, const struct plan_question *q, enum policy_answer *out, struct err *err);
	void *context;
};

struct plan_input {
	const struct appspec *appspec;
	const struct tree *tree;
	const char *archive;		 /* the listing's folder as messages name it */
	struct digest_index *digests;	 /* of the listing's files; NULL: none known */
	const struct manifest *manifest; /* NULL: nothing is ours */
	const struct world *world;
	const struct plan_asker *asker; /* borrowed for plan_build() alone; NULL: rules with a script refuse */
	enum file_exists behavior;	/* in force */
	const char *install_prefix;	/* "" or absolute */
	mode_t umask;			/* for folders that are made */
	uid_t uid;
	gid_t gid;
};

struct plan {
	struct plan_input in;
	struct plan_node *nodes; /* 0 is `/` */
	uint32_t count, capacity;
	struct name_index index;
	struct plan_attr *attrs;
	uint32_t attr_count;
	struct plan_counts counts;
	struct plan_conflict *conflicts; /* in the order of the files section */
	size_t conflict_count;
	struct findings findings; /* errors: what stands in the way; warnings */
	struct arena *arena;
	char *dir; /* path of node dir_node, kept for the next question */
	uint32_t dir_node;
	enum err_kind kind; /* of the first error */
	size_t hard;	    /* errors that no hook before Install could cure: neither ERR_EXISTS nor ERR_NOT_READY */
	bool asks_none;	    /* a script that is to decide cannot: none is asked then */
	uint32_t *setgid;   /* pairs: node, group */
	uint32_t setgid_count;
	struct plan_heritage *heritages; /* where there is one, by node */
	uint32_t heritage_count;
};

/* Build the plan. 0: it can be carried out; -1: ERR tells the first of the findings (all of them are in OUT, which is
 * valid all the same) or why the world gave no answer. OUT is the caller's in both cases: plan_free(), NULL is fine. */
int plan_build(const struct plan_input *in, struct plan **out, struct err *err);
void plan_free(struct plan *p);

/* The path of a node, absolute; the caller frees it. */
char *plan_path(const struct plan *p, uint32_t node);
/* The next node after NODE in depth-first order, parents first; TREE_NONE at the end. BELOW: false skips NODE's
 * children. */
uint32_t plan_next(const struct plan *p, uint32_t node, bool below);
uint32_t plan_first_child(const struct plan *p, uint32_t node);
uint32_t plan_next_sibling(const struct plan *p, uint32_t node);

/* Will a path of NODE's be there by this install? */
bool plan_is_wanted(const struct plan_node *n);
/* Is something decided at NODE itself? Not where it is only another spelling of its `real`; but what is retained there
 * may be a link that others go through. */
bool plan_is_place(const struct plan *p, uint32_t node);

struct plan_attributes { /* what a wanted node will have */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int64_t mtime_ns;	      /* of files; others get the time they are made */
	const struct plan_attr *attr; /* NULL: no permission entry speaks of it */
	/* Of the nearest folder above it that is not made by this install, too; NULL: none. */
	const struct disk_heritage *heritage;
	/* That folder's default ACL, where it tells an ACL of this: a file's from it and the mode, a folder's two, or
	 * the default one alone beside acls of a permission entry. "": it does not. */
	const char *inherited;
};
void plan_attributes(const struct plan *p, uint32_t node, struct plan_attributes *out);
