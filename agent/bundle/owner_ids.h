/* bundle/owner_ids.h - user and group numbers for the names in an archive: the name first, as tar does. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct owner_ids;

struct owner_ids *owner_ids_new(void);
void owner_ids_free(struct owner_ids *ids); /* NULL is fine */
/* The number of NAME on this host; NUMBER when NAME is NULL, empty or not known here. */
uid_t owner_ids_user(struct owner_ids *ids, const char *name, uid_t number);
gid_t owner_ids_group(struct owner_ids *ids, const char *name, gid_t number);
