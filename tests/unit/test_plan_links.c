/* Where paths lead, through links as they will stand when the last revision has gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "installer/plan_internal.h"
#include "plan_help.h"

static const char *node_name(const void *tree, uint32_t id, uint32_t *parent)
{
	const struct plan *p = tree;

	*parent = p->nodes[id].parent;
	return p->nodes[id].name;
}

/* Where a link leads once the last revision's files are gone; it is /srv/l in all of these. */
static const struct {
	const char *why, *disk, *ours, *real;
	enum disk_kind kind;
} leads[] = {
	{ "to a folder", "/d/ /srv/l->/d", NULL, "/d", DISK_DIRECTORY },
	{ "to a file", "/f=x /srv/l->../f", NULL, "/f", DISK_FILE },
	{ "to a socket", "/s| /srv/l->/s", NULL, "/s", DISK_OTHER },
	{ "to nothing", "/srv/l->/gone", NULL, "/srv/l", DISK_ABSENT },
	{ "in circles", "/srv/l->m /srv/m->l", NULL, "/srv/l", DISK_ABSENT },
	{ "by way of other links", "/d/e/ /k->/d /srv/m->/k/e /srv/l->m", NULL, "/d/e", DISK_DIRECTORY },
	{ "to the root", "/srv/l->/", NULL, "/", DISK_DIRECTORY },
	{ "to a file that goes with the last revision", "/f=x /srv/l->/f", "/f", "/srv/l", DISK_ABSENT },
	{ "to a folder that goes", "/d/a=x /srv/l->/d", "/d /d/a", "/srv/l", DISK_ABSENT },
	{ "to a folder of ours that holds a file of the user's", "/d/a=x /d/mine=x /srv/l->/d", "/d /d/a", "/d",
	  DISK_DIRECTORY },
	{ "to a file in a folder that goes", "/d/a=x /srv/l->/d/a", "/d /d/a", "/srv/l", DISK_ABSENT },
	{ "by way of a link of ours that goes", "/d/ /srv/m->/d /srv/l->m", "/srv/m", "/srv/l", DISK_ABSENT },
	{ "by way of a folder that goes, and up again", "/d/ /e/ /srv/l->/e/../d", "/e", "/srv/l", DISK_ABSENT },
	{ "by way of a file", "/f=x /d/ /srv/l->/f/../d", NULL, "/srv/l", DISK_ABSENT },
	{ "to a file with a slash behind it", "/f=x /srv/l->/f/", NULL, "/srv/l", DISK_ABSENT },
	{ "to a folder with a slash behind it", "/d/ /srv/l->/d/", NULL, "/d", DISK_DIRECTORY },
	{ "up and down", "/d/ /srv/l->./../srv/..//d/.", NULL, "/d", DISK_DIRECTORY },
};

static void a_link_leads_where_the_last_revisions_files_are_gone(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(leads); i++) {
		struct host h;
		struct err err;
		enum disk_kind kind;
		uint32_t real;

		print_message("  %s\n", leads[i].why);
		host_init(&h, "a=1", leads[i].disk, leads[i].ours, FILES PUT("a", "/opt"));
		assert_int_equal(0, host_plan(&h, &err));
		name_index_init(&h.plan->index, node_name, h.plan); /* let go at the end of plan_build */
		for (uint32_t n = 0; n < h.plan->count; n++)
			name_index_add(&h.plan->index, n);

		uint32_t link = plan_child(h.plan, plan_child(h.plan, 0, "srv", 3), "l", 1);

		h.disk.broken = true;
		assert_int_equal(-1, plan_leads_to(h.plan, link, &real, &kind, &err));
		h.disk.broken = false;
		assert_int_equal(0, plan_leads_to(h.plan, link, &real, &kind, &err));
		assert_int_equal(leads[i].kind, kind);
		assert_int_equal(node_at(h.plan, leads[i].real), real);
		host_done(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_leads_where_the_last_revisions_files_are_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
