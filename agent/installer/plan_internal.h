/* installer/plan_internal.h - what the files of the plan share; nobody else includes it. */
#pragma once

#include "installer/plan.h"

/* The child of NODE called NAME (LEN bytes): found or made. A name that is not NUL-terminated at LEN is copied. */
uint32_t plan_child(struct plan *p, uint32_t node, const char *name, size_t len);
/* One step down the spelled path: plan_child, and where it leads once the last revision's files are gone. */
int plan_step(struct plan *p, uint32_t spelled, const char *name, size_t len, uint32_t *out, struct err *err);
/* What stands at the real NODE on the disk, asked once. */
int plan_probe(struct plan *p, uint32_t node, struct err *err);
/* What will stand there when the last revision's files are gone. */
int plan_after_cleanup(struct plan *p, uint32_t node, enum disk_kind *out, struct err *err);
int plan_goes(struct plan *p, uint32_t node, bool *out, struct err *err);
/* Path of NODE, borrowed until the next call. */
const char *plan_dir(struct plan *p, uint32_t node);
/* Record something that refuses the install (always -1, so that a caller may end in it), or a warning. */
int plan_refuse(struct plan *p, enum err_kind kind, struct appspec_place place, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void plan_warn(struct plan *p, struct appspec_place place, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The chapters of plan_build, in order. Each returns -1 only when the world gave no answer. */
int plan_add_manifest(struct plan *p, struct err *err);
int plan_add_files(struct plan *p, struct err *err);
void plan_apply_permissions(struct plan *p);
int plan_decide(struct plan *p, struct err *err);
