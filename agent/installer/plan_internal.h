/* installer/plan_internal.h - what the files of the plan share; nobody else includes it. */
#pragma once

#include "installer/plan.h"

/* The child of NODE called NAME (LEN bytes): found or made. A name that is not NUL-terminated at LEN is copied. */
uint32_t plan_child(struct plan *p, uint32_t node, const char *name, size_t len);
/* The same for a name that does not live as long as the plan: it is always copied. */
uint32_t plan_child_copied(struct plan *p, uint32_t node, const char *name, size_t len);
/* What stands at the real NODE on the disk, asked once. */
int plan_probe(struct plan *p, uint32_t node, struct err *err);
void plan_note_conflict(struct plan *p, const struct plan_conflict *c);

/* Path of NODE, borrowed until the next call. */
const char *plan_dir(struct plan *p, uint32_t node);
/* Record something that refuses the install (always -1, so that a caller may end in it), or a warning. */
int plan_refuse(struct plan *p, enum err_kind kind, struct appspec_place place, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void plan_warn(struct plan *p, struct appspec_place place, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* plan_manifest.c: the last revision. */

/* Will NODE, which the last revision installed, be gone, with all below it? */
int plan_goes(struct plan *p, uint32_t node, bool *out, struct err *err);
/* What will stand at NODE when the last revision's files are gone. */
int plan_after_cleanup(struct plan *p, uint32_t node, enum disk_kind *out, struct err *err);

/* plan_links.c: where paths lead. */

/* Where NODE, a link on the disk, leads, and what will stand there once the last revision's files are gone: a link to
 * what goes leads nowhere (DISK_ABSENT), and nothing may be written through it. */
int plan_leads_to(struct plan *p, uint32_t node, uint32_t *out, enum disk_kind *kind, struct err *err);
/* One step down the spelled path: plan_child, and where it leads once the last revision's files are gone. */
int plan_step(struct plan *p, uint32_t spelled, const char *name, size_t len, uint32_t *out, struct err *err);
/* Where SPELLED itself lies, be it a link: `real` without the last step through one. */
uint32_t plan_place(struct plan *p, uint32_t spelled);

/* plan_overwrite.c: the rules of 'slipway: overwrite'. */

/* Where NODE stands without the prefix that this host puts before every destination; the caller frees it. */
char *plan_path_without_prefix(const struct plan *p, uint32_t node);
/* The first that speaks of what the appspec spells SPELLED and what lies at NODE; NULL: none. */
const struct appspec_overwrite *plan_rule(struct plan *p, uint32_t spelled, uint32_t node);
/* Is what stands at NODE ours, edited since the last revision installed it, and retained by a rule? */
int plan_retains_edit(struct plan *p, uint32_t spelled, uint32_t node, bool *out, struct err *err);
/* Does NODE hold already what entry SOURCE of the bundle would bring? */
int plan_holds(struct plan *p, uint32_t node, uint32_t source, bool *out, struct err *err);
/* Warn of a retained edit: the revision brings another version than the last one did, or none any more. */
void plan_warn_of_edit(struct plan *p, uint32_t node);

/* plan_policy.c: those of these rules that leave it to a script. */

/* Can the scripts be asked? What they say of a conflict: 0: VERDICT; 1: they refuse, and a finding says why; -1: the
 * world gave no answer. */
void plan_ready_policies(struct plan *p);
int plan_ask(struct plan *p, const struct appspec_overwrite *rule, uint32_t spelled, uint32_t node, uint32_t source,
	     enum verdict *out, struct err *err);

/* plan_inherit.c: what is made takes over of the folder it is made in. */

/* Fill in OUT->heritage and what follows from it; all that follows from the bundle and the appspec is there. */
void plan_inherit(const struct plan *p, uint32_t node, struct plan_attributes *out);
/* Was WANT's ACL made of the same things as that of E? */
bool plan_same_acl(const struct plan *p, const struct manifest_entry *e, const struct plan_attributes *want);
/* Has the folder NODE, which is there, the ACLs it is to have? Those of the appspec are not compared, but
 * always set. */
int plan_folder_acl(struct plan *p, uint32_t node, const struct plan_attributes *want, bool *same, struct err *err);

/* The chapters of plan_build, in order. Each returns -1 only when the world gave no answer. */
int plan_add_manifest(struct plan *p, struct err *err);
int plan_add_files(struct plan *p, struct err *err);
void plan_apply_permissions(struct plan *p);
int plan_look_at_heritages(struct plan *p, struct err *err);
int plan_decide(struct plan *p, struct err *err);
