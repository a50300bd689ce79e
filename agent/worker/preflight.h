/* worker/preflight.h - everything that can be known about a revision before anything is touched.
 *
 * Fetch, unpack, read the appspec, trial plan with all conflicts, space, users: only the deployment's own folder is
 * written to (PRODUCT section 4). What it finds is used again by DownloadBundle and Install.
 */
#pragma once

#include "appspec/appspec.h"
#include "bundle/unpack.h"
#include "installer/install.h"
#include "lifecycle/zygote.h"
#include "model/deployment.h"
#include "model/tree.h"
#include "worker/progress.h"

struct revision_files { /* an unpacked revision and what is known of it */
	int archive_fd;
	char *archive_path; /* absolute */
	char *appspec_name; /* the one that was found */
	struct appspec *appspec;
	struct findings findings; /* of the appspec */
	struct tree tree;
	bool tree_known;
	struct digest_index *digests;
	struct unpack_report report;
};

struct planning { /* what a plan needs beside the revision */
	const struct deployment *deployment;
	const struct manifest *manifest;
	mode_t umask;
	struct zygote *zygote; /* in which scripts decide; free for as long as the plan is made */
};

/* The limits of SETTINGS, for preflight_fetch(). Both others are borrowed: STOP may be NULL. */
struct unpack_options preflight_unpack_options(const struct settings *settings, const atomic_bool *stop,
					       struct progress *progress);
/* Leave the bundle unpacked in the deployment's folder DIR_FD and read its appspec. OUT: revision_files_done(), on
 * failure, too: its findings tell all that is wrong with the appspec. */
int preflight_fetch(const struct deployment *d, int dir_fd, const char *dir_path, const struct unpack_options *o,
		    struct revision_files *out, struct err *err);
void revision_files_done(struct revision_files *r);

/* List the unpacked bundle again: hooks may have changed it. */
int preflight_list(struct revision_files *r, uint64_t max_entries, struct err *err);

/* The appspec of the revision unpacked in FOLDER/deployment-archive, looked up as section 5.1 says with NAME (NULL: the
 * usual names). 0: there is none; 1: *OUT is the caller's, *FOUND its name. */
int preflight_read_appspec(int archive_fd, const char *name, struct appspec **out, char **found,
			   struct findings *findings, struct err *err);

/* What an install of R would do now. As plan_build, which makes it; WORLD must outlive the plan. */
int preflight_plan(const struct revision_files *r, const struct planning *p, const struct world *world,
		   struct plan **out, struct err *err);

/* Does the agent itself run some of the hooks, in Lua? As their names tell: a `#!` line may still say otherwise. */
bool preflight_expects_lua(const struct revision_files *r);
/* Does a hook of this revision run before its Install? Then what stands in the way now may be gone by then. */
bool preflight_is_provisional(const struct revision_files *r);

/* Can the hooks of this revision that ORDER will run be run: do their scripts exist, do their users, is what is said to
 * be Lua Lua? The first that cannot is the error. When BeforeInstall may still bring what is missing, only its own are
 * looked at. */
int preflight_check_hooks(const struct revision_files *r, const char *const *order, bool blue_green_rollback,
			  struct err *err);
