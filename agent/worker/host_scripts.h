/* worker/host_scripts.h - what of the host has a say in a deployment: operator hooks and policy, as files, not run.
 *
 * What these call or load in their turn is not known here.
 */
#pragma once

#include "model/deployment.h"

#include <sys/stat.h>

/* Call EACH for the operator hooks at the events of ORDER, in the order they would run; after those of an event for
 * its folder, in which scripts come and go; at last for the policy. What is not there, or may not be used, is passed
 * over. PATH is absolute and borrowed. */
void host_scripts_each(const struct deployment *d, const char *const *order,
		       void (*each)(void *context, const char *path, const struct stat *st), void *context);
