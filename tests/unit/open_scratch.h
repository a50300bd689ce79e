/* tests/unit/open_scratch.h - a scratch folder with its descriptor, for code that works below one. After <cmocka.h>.
 *
 *	AUTO(place_done) struct place p = place_new();
 */
#pragma once

#include "scratch.h"
#include "util/auto.h"

#include <fcntl.h>

struct place {
	char *path;
	int fd;
};

static inline struct place place_new(void)
{
	struct place p = { .path = scratch_new() };

	p.fd = open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p.fd >= 0);
	return p;
}

static inline void place_done(struct place *p)
{
	auto_closep(&p->fd);
	scratch_removep(&p->path);
}
