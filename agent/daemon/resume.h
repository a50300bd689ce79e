/* daemon/resume.h - the start: take up what an earlier daemon had in hand.
 *
 * In the order of their arrival: a deployment whose worker lives on is watched to its end, one whose worker is gone is
 * ended by its folder or recovered, and what waited, or had been started and not begun, is started.
 */
#pragma once

#include "daemon/daemon_internal.h"

int resume_all(struct daemon *d, struct err *err);
