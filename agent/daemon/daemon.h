/* daemon/daemon.h - the service: one thread, one sd_event, until it is told to stop.
 *
 * It owns the socket, the queue and the database; workers do everything that takes time. SIGTERM and SIGINT: no new
 * work, wait for what runs (stop_timeout at most), go; what still runs then goes on by itself and is found by the next
 * daemon. The same signal again: go at once. SIGHUP: the configuration is read again.
 * Source: DESIGN.md section 4.
 */
#pragma once

#include "config/config.h"

/* Returns at its end. -1: it could not start; ERR_CONFIG: where the configuration is wrong; ERR_BUSY: another daemon
 * uses the state folder or the socket. PLACE is borrowed. */
int daemon_run(const struct config_place *place, struct err *err);
