/* bundle/pack_write.h - the formats: one function each that writes all of LIST to the empty file FD. */
#pragma once

#include "bundle/pack_list.h"

int pack_write_tar(const struct pack_list *list, int fd, struct err *err); /* PACK_TAR, PACK_TGZ, PACK_TAR_ZST */
int pack_write_zip(const struct pack_list *list, int fd, struct err *err);
