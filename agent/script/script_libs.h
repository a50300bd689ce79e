/* script/script_libs.h - the libraries that every script gets; script_libs.c lists them. */
#pragma once

#include "script/script.h"

extern const struct script_lib lib_system;  /* slipway: log, sleep, clock, time, fail, raise, run, sha256 */
extern const struct script_lib lib_json;    /* slipway.json */
extern const struct script_lib lib_fs;	    /* slipway.fs */
extern const struct script_lib lib_net;	    /* slipway.http */
extern const struct script_lib lib_secret;  /* slipway.secret */
extern const struct script_lib lib_socket;  /* slipway.socket */
extern const struct script_lib lib_yaml;    /* slipway.yaml */
extern const struct script_lib lib_systemd; /* slipway.systemd */
extern const struct script_lib lib_haproxy; /* slipway.haproxy */
extern const struct script_lib lib_nginx;   /* slipway.nginx */

void lib_lock_open(lua_State *L); /* adds lock to slipway.fs, the table on top */
/* An absolute path (script_argument_string). */
const char *script_argument_path(lua_State *L, int index, const char *fn, const char *name);
