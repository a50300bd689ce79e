/* script/systemd_module.h - what systemd_client.c and the loadable module slipway-systemd.so say to each other; nobody
 * else includes it.
 *
 * The module is linked to libsystemd, which brings three more libraries along: a tenth of the time that a worker takes
 * to start, and half a megabyte. Few hooks speak to systemd, so only their processes load it.
 */
#pragma once

#include "script/systemd_client.h"

#include <stddef.h>

#define SYSTEMD_MODULE_VERSION 1 /* raised with every change of this file or of struct systemd_question */
#define SYSTEMD_MODULE_SYMBOL  "slipway_systemd_module"

enum systemd_result {
	SYSTEMD_DONE,
	SYSTEMD_FAILED,
	SYSTEMD_DENIED,
	SYSTEMD_LATE,
	SYSTEMD_GIVEN_UP,
	SYSTEMD_UNREACHABLE,
	SYSTEMD_RESULT_COUNT
};

struct systemd_module {
	int version;
	/* ERROR of SIZE bytes takes the reason, when it is not done. */
	enum systemd_result (*ask)(struct systemd_question *q, char *error, size_t size);
};
