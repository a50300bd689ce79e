/* config/state_folder.c - see state_folder.h. */
#include "config/state_folder.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <string.h>

#define PARENT_MODE 0755

int state_folder_make(const char *path, struct err *err)
{
	AUTO_FREE char *parent = xstrdup(path);
	char *slash = strrchr(parent, '/');

	if (slash && slash != parent) {
		*slash = '\0';
		if (fs_make_path(parent, PARENT_MODE, err) < 0)
			return -1;
	}
	return fs_make_path(path, STATE_FOLDER_MODE, err);
}
