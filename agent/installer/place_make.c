/* installer/place_make.c - private folders made: apart from place.c, since only who installs needs libacl for it. */
#include "installer/place.h"
#include "util/auto.h"
#include "util/fs.h"

#include <errno.h>
#include <fcntl.h>

static int make_folders(const struct steps *s, uint32_t place, struct err *err)
{
	AUTO_FD int fd = place_open_top(&s->places[place], err);
	const struct step *last = NULL;

	if (fd < 0)
		return -1;
	for (size_t i = 0; i < s->count; i++) {
		const struct step *st = &s->items[i];
		struct place_folder name = place_folder(st->number);

		if (st->kind == STEP_ATTRIBUTES || st->place != place ||
		    (last && place_shares_folder(last->number, st->number)))
			continue;
		if (fs_mkdir(fd, name.text, 0700) < 0)
			return err_sys(err, "making private folder '%s/%s/%s'", s->places[place].parent,
				       s->places[place].name, name.text);
		last = st;
	}
	return 0;
}

/* What is staged would inherit the default ACL of the folder beside which the place happens to lie. */
static int drop_acl(const struct step_place *p, struct err *err)
{
	AUTO_FD int fd = place_open_top(p, err);

	if (fd < 0)
		return -1;
	if (fs_set_acl(fd, "", "") < 0 && errno != EOPNOTSUPP)
		return err_sys(err, "removing the ACL of private folder '%s/%s'", p->parent, p->name);
	return 0;
}

int place_make(const struct steps *s, struct err *err)
{
	for (uint32_t i = 0; i < s->place_count; i++) {
		const struct step_place *p = &s->places[i];
		AUTO_FD int parent = place_open_absolute(p->parent, O_PATH | O_DIRECTORY);

		if (parent < 0 || fs_mkdir(parent, p->name, 0700) < 0)
			return err_sys(err, "making private folder '%s/%s'", p->parent, p->name);
		if (drop_acl(p, err) < 0 || make_folders(s, i, err) < 0)
			return -1;
	}
	return 0;
}
