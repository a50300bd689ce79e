/* util/account.c - see account.h. */
#include "util/account.h"

#include "util/auto.h"
#include "util/str.h"

#include <grp.h>
#include <pwd.h>

#define ENTRY_MIN 4096
#define ENTRY_MAX (1024 * 1024) /* bytes: a group may have many members */

int account_user(const char *name, uid_t *out)
{
	struct passwd entry, *found = NULL;
	int r = ERANGE;

	for (size_t size = ENTRY_MIN; r == ERANGE && size <= ENTRY_MAX; size *= 4) {
		AUTO_FREE char *room = xmalloc(size);

		r = getpwnam_r(name, &entry, room, size, &found);
	}
	if (r || !found)
		return 0;
	*out = entry.pw_uid;
	return 1;
}

int account_group(const char *name, gid_t *out)
{
	struct group entry, *found = NULL;
	int r = ERANGE;

	for (size_t size = ENTRY_MIN; r == ERANGE && size <= ENTRY_MAX; size *= 4) {
		AUTO_FREE char *room = xmalloc(size);

		r = getgrnam_r(name, &entry, room, size, &found);
	}
	if (r || !found)
		return 0;
	*out = entry.gr_gid;
	return 1;
}
