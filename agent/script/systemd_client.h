/* script/systemd_client.h - ask systemd, the service manager of the host, and wait for what it does.
 *
 * By its D-Bus interface and sd-bus, in a module that is loaded when the first question is asked (systemd_module.h says
 * why). Each question has a connection to the system bus of its own ($DBUS_SYSTEM_BUS_ADDRESS, else the usual place),
 * so nothing is left over from one for the next. Blocks, until the timeout or for at most 100 ms after give_up() says
 * so. Source: org.freedesktop.systemd1(5).
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>
#include <stdint.h>

#define UNIT_NAME_SIZE 256 /* with its NUL; systemd's own limit */

enum systemd_task {
	SYSTEMD_JOB,	    /* METHOD of the manager ("RestartUnit"), until its job has ended */
	SYSTEMD_STATUS,	    /* -> status */
	SYSTEMD_FILE_STATE, /* -> file_state */
	SYSTEMD_ENABLE,	    /* -> changed; the manager reads its files again */
	SYSTEMD_DISABLE,    /* -> changed; the same */
	SYSTEMD_RESET_FAILED,
	SYSTEMD_RELOAD, /* the manager's own files; of no unit */
	SYSTEMD_TASK_COUNT
};

/* In systemd's words; a text that it does not tell is "". */
struct unit_status {
	char load[32];	     /* LoadState: "loaded", "not-found", "masked", ... */
	char active[32];     /* ActiveState: "active", "activating", "failed", ... */
	char sub[64];	     /* SubState: "running", "auto-restart", ... */
	char result[32];     /* Result: "success", "exit-code", ... */
	uint32_t main_pid;   /* 0: none */
	int32_t exec_code;   /* how the last main process ended: CLD_EXITED, CLD_KILLED, CLD_DUMPED; 0: none has */
	int32_t exec_status; /* its exit code or signal */
	uint64_t since_us;   /* since 1970: so long it has been as `active` says; 0: always */
};

/* What is borrowed stays the caller's. */
struct systemd_question {
	enum systemd_task task;
	const char *unit;		/* complete, "shop.service"; NULL for SYSTEMD_RELOAD */
	const char *method;		/* of SYSTEMD_JOB */
	int64_t timeout_ms;		/* of all of it; > 0 */
	bool (*give_up)(void *context); /* asked many times a second; NULL: never */
	void *context;
	struct unit_status status; /* from here on: the answer */
	char file_state[32];	   /* UnitFileState: "enabled", "static", ...; "not-found" */
	bool changed;
};

/* TEXT as the complete name of a unit: without a suffix of one it is a service. false: no unit can have that name. */
bool systemd_unit_name(const char *text, char out[UNIT_NAME_SIZE]);

/* ERR_UNREACHABLE: no system bus, or no systemd on it. ERR_DENIED: this user may not. ERR_STATE: systemd refuses, or
 * the job has ended otherwise than done; with the unit's state. ERR_TIMED_OUT; ERR_STOPPED: give_up() said so; ERR_SYS:
 * the module is not installed. A job that was waited for in vain goes on. */
int systemd_ask(struct systemd_question *q, struct err *err);
