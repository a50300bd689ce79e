/* bundle/pack_type.c - the names of types; apart, since whoever only says them links no archive code. */
#include "bundle/pack.h"

const char *pack_type_name(int type)
{
	static const char *const names[] = {
		[PACK_TGZ] = "tgz",
		[PACK_TAR] = "tar",
		[PACK_TAR_ZST] = "tar.zst",
		[PACK_ZIP] = "zip",
	};

	return names[type];
}
