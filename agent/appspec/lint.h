/* appspec/lint.h - what will go wrong with a valid appspec, or will not do what its author thinks.
 *
 * appspec_parse() finds what the text alone shows; lint adds what needs knowledge of the lifecycle and of the bundle.
 * Nothing here changes anything. Each finding says what to do about it. Errors are what an install would refuse.
 */
#pragma once

#include "appspec/appspec.h"
#include "model/tree.h"

/* One of the events of a standard deployment, with scripts or without. */
bool lint_event_is_standard(const char *event);
/* What the TEXT of an appspec shows that its values do not: a byte order mark, events without scripts, timeouts that
 * are too long together. PORTABLE: also what the CodeDeploy agents 1.8.1 and 2.x would read otherwise. Of text that is
 * no YAML nothing is said: appspec_parse() does. */
void lint_text(const char *text, size_t len, bool portable, struct findings *f);
/* Event names: unknown, misspelt, or of those that never run scripts. */
void lint_events(const struct appspec *a, struct findings *f);
/* Ready-made hooks at events that they are not made for. */
void lint_ready_made(const struct appspec *a, struct findings *f);
/* What the CodeDeploy agents 1.8.1 and 2.x would do otherwise with these values. */
void lint_portable(const struct appspec *a, struct findings *f);
/* Users of 'runas' of whom IS_KNOWN says that there is none on this host; each is told once, and
 * at most a hundred are asked for. */
void lint_users(const struct appspec *a, bool (*is_known)(const char *name), struct findings *f);
/* The appspec against its unpacked bundle: the folder DIR_FD and TREE, its listing (both borrowed). Scripts are read
 * beneath DIR_FD, at most their first bytes. PORTABLE: also what the CodeDeploy agents cannot do with it. */
void lint_bundle(const struct appspec *a, const struct tree *tree, int dir_fd, bool portable, struct findings *f);
/* In the order of the file; what was found first at a place stays first. */
void lint_sort(struct findings *f);
