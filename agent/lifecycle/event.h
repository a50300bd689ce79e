/* lifecycle/event.h - which lifecycle events a deployment has, in which order, and whose scripts each one runs.
 *
 * Pure: names in, names out; no disk, no clock. Lists of names end with NULL.
 * Source: spec/codedeploy-agent.md 4.1-4.4, 5.9 and 10, as PRODUCT section 4 ("Preflight") changes them: preflight
 * unpacks the bundle before the first event, so that "the archive is there" is no longer the sign that DownloadBundle
 * was. The place in the order is: before DownloadBundle an event like ApplicationStop belongs to the last successful
 * revision, after it to the current one.
 */
#pragma once

#include "appspec/appspec.h"
#include "model/deployment.h"
#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>

#define EVENT_DOWNLOAD_BUNDLE "DownloadBundle"
#define EVENT_INSTALL	      "Install"
#define EVENT_DEFAULT_COUNT   11

/* Whose appspec and scripts. The last two may name nothing, then the event has nothing to do. */
enum event_revision {
	EVENT_REVISION_CURRENT,
	EVENT_REVISION_LAST_SUCCESSFUL, /* the last one whose Install succeeded */
	EVENT_REVISION_MOST_RECENT,	/* the last one whose DownloadBundle succeeded */
	EVENT_REVISION_COUNT
};
const char *event_revision_name(enum event_revision revision); /* "current", ... */

/* The eleven default events in the order of a local deployment. */
const char *const *event_default_order(void);
bool event_is_default(const char *event);
/* DownloadBundle and Install: work of the agent itself, no hooks. */
bool event_is_built_in(const char *event);

/* The order that `--events TEXT` asks for: names between commas; what must be there and is not is put in front. NULL
 * or "" is the default order. OUT is the caller's: event_order_free(). -1, ERR_USAGE, with the reference's texts. */
int event_order_parse(const char *text, char ***out, struct err *err);
void event_order_free(char **order); /* NULL is fine */

/* Whose scripts EVENT runs when the bundle of this deployment has (DOWNLOADED) or has not been downloaded by then. */
enum event_revision event_revision(const char *event, bool downloaded, bool blue_green_rollback);
/* The same for the event at INDEX of ORDER. */
enum event_revision event_revision_at(const char *const *order, size_t index, bool blue_green_rollback);
bool event_is_blue_green_rollback(const struct deployment *d);

/* Do the hooks of APPSPEC (from the file NAME) and the events of this deployment know each other? POSSIBLE is the
 * plane's AllPossibleLifecycleEvents (NULL or empty: no check), HANDLED what the agent runs hooks for (NULL: the nine
 * default ones). -1, ERR_APPSPEC. */
int event_check_hooks(const struct appspec *appspec, const char *name, const char *const *possible,
		      const char *const *handled, struct err *err);
/* The same for a local deployment with this ORDER: a name that is neither a default one nor in the appspec fails. */
int event_check_local_hooks(const struct appspec *appspec, const char *name, const char *const *order, struct err *err);
