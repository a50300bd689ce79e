/* config/trust.c - see trust.h. */
#include "config/trust.h"

#include "format/plain.h"
#include "util/auto.h"
#include "util/str.h"

char *trust_refusal(const char *path, const struct stat *st, uid_t uid)
{
	AUTO_FREE char *shown = plain_path(path);
	AUTO_FREE char *word = plain_shell_word(path);

	if (st->st_uid != 0 && st->st_uid != uid)
		return xasprintf("'%s' belongs to user %u, who may write to it: chown root %s", shown,
				 (unsigned)st->st_uid, word);
	if (st->st_mode & 0022)
		return xasprintf("'%s' has mode %04o, so others may write to it: chmod go-w %s", shown,
				 st->st_mode & 07777, word);
	return NULL;
}
