/* util/account.h - users and groups of this host by their names, as nsswitch.conf(5) says: it may block. */
#pragma once

#include <sys/types.h>

/* 1: *OUT is the number of NAME; 0: there is none, or it cannot be known. From any thread. */
int account_user(const char *name, uid_t *out);
int account_group(const char *name, gid_t *out);
