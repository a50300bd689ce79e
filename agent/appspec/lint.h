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
/* Event names: unknown, misspelt, or of those that never run scripts. */
void lint_events(const struct appspec *a, struct findings *f);
/* The appspec against its unpacked bundle: the folder DIR_FD and TREE, its listing (both borrowed). Scripts are read
 * beneath DIR_FD, at most their first bytes. */
void lint_bundle(const struct appspec *a, const struct tree *tree, int dir_fd, struct findings *f);
/* In the order of the file; what was found first at a place stays first. */
void lint_sort(struct findings *f);
