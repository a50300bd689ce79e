/* script/script_libs.c - what every script gets. */
#include "script/script_libs.h"

const struct script_lib *const script_libs[] = {
	&lib_system, &lib_json,	   &lib_fs,	 &lib_net,   &lib_secret, &lib_socket,
	&lib_yaml,   &lib_systemd, &lib_haproxy, &lib_nginx, NULL,
};
