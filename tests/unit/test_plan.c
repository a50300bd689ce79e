/* What an install would do: every rule of the files and permissions sections, on hosts and bundles made of words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_world.h"
#include "installer/plan_internal.h"
#include "util/auto.h"

#define FILES		     "version: 0.0\nos: linux\nfiles:\n"
#define PUT(source, to)	     "- {source: '" source "', destination: '" to "'}\n"
#define PERMISSIONS	     "permissions:\n"
#define PERMIT(object, rest) "- {object: '" object "', " rest "}\n"
#define DISALLOW	     FILE_EXISTS_DISALLOW
#define OVERWRITE	     FILE_EXISTS_OVERWRITE
#define RETAIN		     FILE_EXISTS_RETAIN
#define EXISTS(path)	     "a specified file already exists at this location: " path
#define MAX_REFUSED	     4

struct host { /* everything that goes into a plan */
	struct fake_world disk;
	struct fake_bundle bundle;
	struct appspec *spec;
	struct manifest *manifest;
	struct plan_input in;
	struct plan *plan;
};

static struct appspec *parsed(const char *text)
{
	struct findings findings = { 0 };
	struct appspec *spec = NULL;
	struct err err = ERR_INIT;

	if (appspec_parse(text, strlen(text), &spec, &findings, &err) < 0)
		fail_msg("%s", err.msg);
	findings_done(&findings);
	return spec;
}

/* OURS: paths that the last revision installed, separated by blanks. */
static struct manifest *manifest_of(const char *ours)
{
	AUTO_FREE char *lines = xasprintf("%s\n", ours);

	for (char *c = lines; (c = strchr(c, ' '));)
		*c = '\n';
	return manifest_from_cleanup(lines, strlen(lines), NULL);
}

static void host_init(struct host *h, const char *bundle, const char *disk, const char *ours, const char *spec)
{
	fake_bundle_init(&h->bundle, bundle);
	fake_world_init(&h->disk, disk);
	h->spec = parsed(spec);
	h->manifest = ours ? manifest_of(ours) : NULL;
	h->plan = NULL;
	h->in = (struct plan_input){
		.appspec = h->spec,
		.tree = &h->bundle.tree,
		.archive = "/archive",
		.digests = h->bundle.digests,
		.manifest = h->manifest,
		.world = &h->disk.world,
		.behavior = DISALLOW,
		.install_prefix = "",
		.umask = 022,
	};
}

static void host_done(struct host *h)
{
	plan_free(h->plan);
	appspec_free(h->spec);
	manifest_free(h->manifest);
	fake_world_done(&h->disk);
	fake_bundle_done(&h->bundle);
}

static int host_plan(struct host *h, struct err *err)
{
	*err = ERR_INIT;
	plan_free(h->plan);
	h->plan = NULL;
	return plan_build(&h->in, &h->plan, err);
}

static const char *node_name(const void *tree, uint32_t id, uint32_t *parent)
{
	const struct plan *p = tree;

	*parent = p->nodes[id].parent;
	return p->nodes[id].name;
}

static char letter(uint8_t want, uint8_t disk, uint8_t action)
{
	static const char wants[] = { '?', 'd', 'f', 'l', 'r' }, kinds[] = { '-', 'd', 'f', 'l', 'o' };

	return action == PLAN_REMOVE ? kinds[disk] : wants[want];
}

/* What the plan does, sorted by the bytes of the paths: "+d/srv/app ~f/srv/app/a". */
static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a + 2, *(char *const *)b + 2);
}

static char *shown(const struct plan *p)
{
	static const char actions[] = { ' ', '+', '~', '=', '@', '-' };
	char *words[FAKE_MAX];
	size_t count = 0;
	struct str s = STR_INIT(64 * 1024);

	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, true)) {
		const struct plan_node *n = &p->nodes[i];
		AUTO_FREE char *path = plan_path(p, i);

		if (!plan_is_place(p, i) || (n->action == PLAN_STAY && n->want != PLAN_WANT_RETAINED))
			continue;
		words[count++] = xasprintf("%c%c%s", actions[n->action], letter(n->want, n->disk, n->action), path);
	}
	qsort(words, count, sizeof(*words), by_text);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(0, str_printf(&s, "%s%s", i ? " " : "", words[i]));
		free(words[i]);
	}
	return str_take(&s);
}

static const struct {
	const char *why, *bundle, *disk, *ours, *spec;
	enum file_exists behavior;
	const char *want;		  /* NULL: refused */
	const char *refused[MAX_REFUSED]; /* part of each error, in order */
} cases[] = {
	/* 7.2 */
	{ "a folder's contents land in the destination, dotfiles and empty folders too",
	  "web/a=1 web/.b=2 web/c/",
	  "/srv/",
	  NULL,
	  FILES PUT("web", "/srv/app"),
	  DISALLOW,
	  "+d/srv/app +f/srv/app/.b +f/srv/app/a +d/srv/app/c",
	  {} },
	{ "a file lands in the destination, which is always a folder",
	  "web/a=1",
	  "/srv/",
	  NULL,
	  FILES PUT("web/a", "/srv/b"),
	  DISALLOW,
	  "+d/srv/b +f/srv/b/a",
	  {} },
	{ "missing folders are made from the top",
	  "a=1",
	  "",
	  NULL,
	  FILES PUT("a", "/x/y/z"),
	  DISALLOW,
	  "+d/x +d/x/y +d/x/y/z +f/x/y/z/a",
	  {} },
	{ "an existing folder stays as it is",
	  "a=1",
	  "/srv/app/mine=x",
	  NULL,
	  FILES PUT("a", "/srv/app"),
	  DISALLOW,
	  "+f/srv/app/a",
	  {} },
	{ "a source of / is the whole archive",
	  "a=1 web/b=2",
	  "/srv/",
	  NULL,
	  FILES PUT("/", "/srv"),
	  DISALLOW,
	  "+f/srv/a +d/srv/web +f/srv/web/b",
	  {} },
	{ "no files at all", "a=1", "/srv/", NULL, "version: 0.0\nos: linux\n", DISALLOW, "", {} },
	{ "a missing source",
	  "a=1",
	  "/srv/",
	  NULL,
	  FILES PUT("b", "/srv/app"),
	  DISALLOW,
	  NULL,
	  { "No such file or directory - /archive/b: the bundle holds no source 'b'" } },
	{ "something that is no file, folder or link",
	  "web/s| web/a=1",
	  "/srv/",
	  NULL,
	  FILES PUT("web", "/srv"),
	  DISALLOW,
	  NULL,
	  { "/archive/web/s is no file, folder or link" } },
	{ "names are bytes",
	  "web/\xff\xfe=1 web/a\nb=2",
	  "/srv/",
	  NULL,
	  FILES PUT("web", "/srv"),
	  DISALLOW,
	  "+f/srv/a\nb +f/srv/\xff\xfe",
	  {} },

	/* destinations as text */
	{ "dots, slashes and .. are resolved in the text",
	  "a=1",
	  "/srv/ /link->/elsewhere",
	  NULL,
	  FILES PUT("a", "/link/..//srv/./app/"),
	  DISALLOW,
	  "+d/srv/app +f/srv/app/a",
	  {} },
	{ "a relative destination is below /", "a=1", "/srv/", NULL, FILES PUT("a", "srv"), DISALLOW, "+f/srv/a", {} },
	{ "the root as a destination", "a=1", "", NULL, FILES PUT("a", "/"), DISALLOW, "+f/a", {} },

	/* links in the bundle */
	{ "a link to a file stays a link, also dangling or leading out",
	  "w/a=1 w/l->a w/d->nowhere w/o->/etc w/u->../..",
	  "/srv/",
	  NULL,
	  FILES PUT("w", "/srv"),
	  DISALLOW,
	  "+f/srv/a +l/srv/d +l/srv/l +l/srv/o +l/srv/u",
	  {} },
	{ "a link to a folder is copied as a folder",
	  "w/a/x=1 w/l->a",
	  "/srv/",
	  NULL,
	  FILES PUT("w", "/srv"),
	  DISALLOW,
	  "+d/srv/a +f/srv/a/x +d/srv/l +f/srv/l/x",
	  {} },
	{ "a source that is a link to a folder",
	  "a/x=1 l->a",
	  "/srv/",
	  NULL,
	  FILES PUT("l", "/srv"),
	  DISALLOW,
	  "+f/srv/x",
	  {} },
	{ "a source that is a link to a file",
	  "a=1 l->a",
	  "/srv/",
	  NULL,
	  FILES PUT("l", "/srv"),
	  DISALLOW,
	  "+l/srv/l",
	  {} },
	{ "a link to the folder it stands in",
	  "w/a=1 w/l->.",
	  "/srv/",
	  NULL,
	  FILES PUT("w", "/srv"),
	  DISALLOW,
	  NULL,
	  { "/archive/w/l is a link to a folder that it stands in" } },
	{ "two folders that link to each other",
	  "w/a/l->../b w/b/m->../a",
	  "/srv/",
	  NULL,
	  FILES PUT("w", "/srv"),
	  DISALLOW,
	  NULL,
	  { "/archive/w/b/m is a link", "/archive/w/a/l is a link" } },
	{ "links that only turn in circles are links",
	  "w/x->y w/y->x",
	  "/srv/",
	  NULL,
	  FILES PUT("w", "/srv"),
	  DISALLOW,
	  "+l/srv/x +l/srv/y",
	  {} },

	/* 7.3 */
	{ "two sources for one destination",
	  "a/x=1 b/x=2",
	  "/srv/",
	  NULL,
	  FILES PUT("a", "/srv") PUT("b", "/srv/."),
	  DISALLOW,
	  NULL,
	  { "two source files named /archive/b/x and /archive/a/x for the same destination (/srv/x)" } },
	{ "the same entry twice",
	  "a=1",
	  "/srv/",
	  NULL,
	  FILES PUT("a", "/srv") PUT("a", "/srv"),
	  DISALLOW,
	  NULL,
	  { "two source files named /archive/a and /archive/a" } },
	{ "a file where a folder is made",
	  "a/x/f=1 x=2",
	  "/srv/",
	  NULL,
	  FILES PUT("a", "/srv/d") PUT("x", "/srv/d"),
	  DISALLOW,
	  NULL,
	  { "calls for installing the file /archive/x, but a file with that name already exists at the "
	    "location (/srv/d/x)" } },
	{ "a folder where a file goes",
	  "a/x/f=1 x=2",
	  "/srv/",
	  NULL,
	  FILES PUT("x", "/srv/d") PUT("a", "/srv/d"),
	  DISALLOW,
	  NULL,
	  { "mkdir command more than once for the same destination path (/srv/d/x) from (a)" } },
	{ "a destination below a file",
	  "a=1 b=2",
	  "/srv/",
	  NULL,
	  FILES PUT("a", "/srv") PUT("b", "/srv/a"),
	  DISALLOW,
	  NULL,
	  { "mkdir command more than once for the same destination path (/srv/a) from (b)" } },
	{ "the same folder twice is one",
	  "a/d/x=1 b/d/y=2",
	  "/srv/",
	  NULL,
	  FILES PUT("a", "/srv") PUT("b", "/srv/"),
	  DISALLOW,
	  "+d/srv/d +f/srv/d/x +f/srv/d/y",
	  {} },

	/* two spellings of one place */
	{ "a destination that is a link to a folder",
	  "a=1",
	  "/data/ /srv->/data",
	  NULL,
	  FILES PUT("a", "/srv/app"),
	  DISALLOW,
	  "+d/data/app +f/data/app/a",
	  {} },
	{ "a folder of the bundle meets a link to a folder",
	  "w/d/x=1",
	  "/data/ /srv/d->../data",
	  NULL,
	  FILES PUT("w", "/srv"),
	  DISALLOW,
	  "+f/data/x",
	  {} },
	{ "links in a row",
	  "a=1",
	  "/data/ /l1->l2 /l2->l3 /l3->/data",
	  NULL,
	  FILES PUT("a", "/l1/x"),
	  DISALLOW,
	  "+d/data/x +f/data/x/a",
	  {} },
	{ "one file by two spellings",
	  "a=1",
	  "/data/ /srv->/data",
	  NULL,
	  FILES PUT("a", "/srv") PUT("a", "/data"),
	  DISALLOW,
	  NULL,
	  { "two source files" } },
	{ "one folder by two spellings",
	  "a=1 b=2",
	  "/data/ /srv->/data",
	  NULL,
	  FILES PUT("a", "/srv/app") PUT("b", "/data/app"),
	  DISALLOW,
	  "+d/data/app +f/data/app/a +f/data/app/b",
	  {} },
	{ "a folder at a link that leads nowhere",
	  "a=1",
	  "/srv->/gone",
	  NULL,
	  FILES PUT("a", "/srv/app"),
	  DISALLOW,
	  NULL,
	  { EXISTS("/srv (a folder is to be made there, but it is none)") } },
	{ "a folder at a link to a file",
	  "a=1",
	  "/f=x /srv->/f",
	  NULL,
	  FILES PUT("a", "/srv"),
	  OVERWRITE,
	  NULL,
	  { EXISTS("/srv (a folder") } },

	/* 7.4 */
	{ "DISALLOW, somebody's file",
	  "a=1",
	  "/srv/a=x",
	  NULL,
	  FILES PUT("a", "/srv"),
	  DISALLOW,
	  NULL,
	  { EXISTS("/srv/a") } },
	{ "unset is DISALLOW",
	  "a=1",
	  "/srv/a=x",
	  NULL,
	  FILES PUT("a", "/srv"),
	  FILE_EXISTS_UNSET,
	  NULL,
	  { EXISTS("/srv/a") } },
	{ "OVERWRITE, somebody's file", "a=1", "/srv/a=x", NULL, FILES PUT("a", "/srv"), OVERWRITE, "~f/srv/a", {} },
	{ "RETAIN, somebody's file",
	  "a=1 b=2",
	  "/srv/a=x",
	  NULL,
	  FILES PUT("a", "/srv") PUT("b", "/srv"),
	  RETAIN,
	  " r/srv/a +f/srv/b",
	  {} },
	{ "RETAIN, twice the same destination",
	  "a/x=1 b/x=2",
	  "/srv/x=x",
	  NULL,
	  FILES PUT("a", "/srv") PUT("b", "/srv"),
	  RETAIN,
	  " r/srv/x",
	  {} },
	{ "DISALLOW, a link to a file",
	  "a=1",
	  "/f=x /srv/a->/f",
	  NULL,
	  FILES PUT("a", "/srv"),
	  DISALLOW,
	  NULL,
	  { EXISTS("/srv/a") } },
	{ "OVERWRITE replaces the link, not what it leads to",
	  "a=1",
	  "/f=x /srv/a->/f",
	  NULL,
	  FILES PUT("a", "/srv"),
	  OVERWRITE,
	  "~f/srv/a",
	  {} },
	{ "RETAIN, a link to a file", "a=1", "/f=x /srv/a->/f", NULL, FILES PUT("a", "/srv"), RETAIN, " r/srv/a", {} },
	{ "DISALLOW, a link to a folder",
	  "a=1",
	  "/d/ /srv/a->/d",
	  NULL,
	  FILES PUT("a", "/srv"),
	  DISALLOW,
	  NULL,
	  { EXISTS("/srv/a") } },
	{ "OVERWRITE replaces a link to a folder like any other",
	  "a=1",
	  "/d/a=x /srv/a->/d",
	  NULL,
	  FILES PUT("a", "/srv"),
	  OVERWRITE,
	  "~f/srv/a",
	  {} },
	{ "by a link of the bundle, too",
	  "l->x",
	  "/d/ /srv/l->/d",
	  NULL,
	  FILES PUT("l", "/srv"),
	  OVERWRITE,
	  "~l/srv/l",
	  {} },
	{ "RETAIN, a link to a folder", "a=1", "/d/ /srv/a->/d", NULL, FILES PUT("a", "/srv"), RETAIN, " r/srv/a", {} },
	{ "the link is the last step of a way that goes through others",
	  "a=1",
	  "/d/ /data/a->/d /srv->/data",
	  NULL,
	  FILES PUT("a", "/srv"),
	  OVERWRITE,
	  "~f/data/a",
	  {} },
	{ "a file at a link through which another destination goes",
	  "a=1 b=2",
	  "/d/ /srv/a->/d",
	  NULL,
	  FILES PUT("b", "/srv/a/x") PUT("a", "/srv"),
	  OVERWRITE,
	  NULL,
	  { "a file with that name already exists at the location (/srv/a)" } },
	{ "the other way round",
	  "a=1 b=2",
	  "/d/ /srv/a->/d",
	  NULL,
	  FILES PUT("a", "/srv") PUT("b", "/srv/a/x"),
	  OVERWRITE,
	  NULL,
	  { "an mkdir command more than once for the same destination path (/srv/a)" } },
	{ "a retained one may be a way all the same",
	  "a=1 b=2",
	  "/d/ /srv/a->/d",
	  NULL,
	  FILES PUT("a", "/srv") PUT("b", "/srv/a"),
	  RETAIN,
	  "+f/d/b  r/srv/a",
	  {} },
	{ "what lies where the link leads goes there by its own name",
	  "a=1 b=2",
	  "/d/ /srv/a->/d",
	  NULL,
	  FILES PUT("a", "/srv") PUT("b", "/d"),
	  OVERWRITE,
	  "+f/d/b ~f/srv/a",
	  {} },
	{ "two files at one link to a folder",
	  "a/x=1 b/x=2",
	  "/d/ /srv/x->/d",
	  NULL,
	  FILES PUT("a", "/srv") PUT("b", "/srv"),
	  OVERWRITE,
	  NULL,
	  { "two source files named /archive/b/x and /archive/a/x for the same destination (/srv/x)" } },
	{ "a dangling link does not count",
	  "a=1",
	  "/srv/a->gone",
	  NULL,
	  FILES PUT("a", "/srv"),
	  DISALLOW,
	  "~f/srv/a",
	  {} },
	{ "nor does it with RETAIN", "a=1", "/srv/a->gone", NULL, FILES PUT("a", "/srv"), RETAIN, "~f/srv/a", {} },
	{ "nor does a link that turns in circles",
	  "a=1",
	  "/srv/a->a",
	  NULL,
	  FILES PUT("a", "/srv"),
	  DISALLOW,
	  "~f/srv/a",
	  {} },
	{ "a link of the bundle at a dangling one",
	  "l->x",
	  "/srv/l->gone",
	  NULL,
	  FILES PUT("l", "/srv"),
	  DISALLOW,
	  "~l/srv/l",
	  {} },
	{ "a link of the bundle over somebody's file",
	  "l->x",
	  "/srv/l=x",
	  NULL,
	  FILES PUT("l", "/srv"),
	  OVERWRITE,
	  "~l/srv/l",
	  {} },
	{ "a socket is in the way like a file",
	  "a=1",
	  "/srv/a|",
	  NULL,
	  FILES PUT("a", "/srv"),
	  DISALLOW,
	  NULL,
	  { EXISTS("/srv/a") } },
	{ "DISALLOW, a file onto a folder",
	  "a=1",
	  "/srv/a/",
	  NULL,
	  FILES PUT("a", "/srv"),
	  DISALLOW,
	  NULL,
	  { EXISTS("/srv/a (it is a folder") } },
	{ "OVERWRITE, a file onto a folder, even an empty one",
	  "a=1",
	  "/srv/a/",
	  NULL,
	  FILES PUT("a", "/srv"),
	  OVERWRITE,
	  NULL,
	  { EXISTS("/srv/a (it is a folder") } },
	{ "RETAIN keeps a folder that stands in the way of a file",
	  "a=1",
	  "/srv/a/",
	  NULL,
	  FILES PUT("a", "/srv"),
	  RETAIN,
	  " r/srv/a",
	  {} },
	{ "DISALLOW, a folder onto a file",
	  "w/d/x=1",
	  "/srv/d=x",
	  NULL,
	  FILES PUT("w", "/srv"),
	  DISALLOW,
	  NULL,
	  { EXISTS("/srv/d (a folder") } },
	{ "OVERWRITE, a folder onto a file",
	  "w/d/x=1",
	  "/srv/d=x",
	  NULL,
	  FILES PUT("w", "/srv"),
	  OVERWRITE,
	  NULL,
	  { EXISTS("/srv/d (a folder") } },
	{ "RETAIN, a folder onto a file",
	  "w/d/x=1",
	  "/srv/d=x",
	  NULL,
	  FILES PUT("w", "/srv"),
	  RETAIN,
	  NULL,
	  { EXISTS("/srv/d (a folder") } },
	{ "all that stands in the way is told",
	  "w/a=1 w/b=2 w/d/x=3 c=4",
	  "/srv/a=x /srv/b=x /srv/d=x /opt/c=x",
	  NULL,
	  FILES PUT("w", "/srv") PUT("c", "/opt") PUT("no", "/opt"),
	  DISALLOW,
	  NULL,
	  { EXISTS("/srv/a"), EXISTS("/srv/b"), EXISTS("/srv/d"), EXISTS("/opt/c") } },

	/* 7.1 with Q10: what is ours counts as gone */
	{ "our own file is replaced under DISALLOW",
	  "a=1",
	  "/srv/a=x",
	  "/srv/a",
	  FILES PUT("a", "/srv"),
	  DISALLOW,
	  "~f/srv/a",
	  {} },
	{ "RETAIN is for foreign files", "a=1", "/srv/a=x", "/srv/a", FILES PUT("a", "/srv"), RETAIN, "~f/srv/a", {} },
	{ "our own link is replaced",
	  "a=1",
	  "/f=x /srv/a->/f",
	  "/srv/a",
	  FILES PUT("a", "/srv"),
	  DISALLOW,
	  "~f/srv/a",
	  {} },
	{ "what only the last revision had goes",
	  "a=1",
	  "/srv/app/a=x /srv/app/b=x /srv/app/d/c=x",
	  "/srv/app /srv/app/a /srv/app/b /srv/app/d /srv/app/d/c",
	  FILES PUT("a", "/srv/app"),
	  DISALLOW,
	  "=d/srv/app ~f/srv/app/a -f/srv/app/b -d/srv/app/d -f/srv/app/d/c",
	  {} },
	{ "a folder with a user's file in it stays and is no longer ours",
	  "w/d/a=1",
	  "/srv/d/a=x /srv/d/mine=x",
	  "/srv/d /srv/d/a",
	  FILES PUT("w", "/srv"),
	  DISALLOW,
	  "~f/srv/d/a",
	  {} },
	{ "the same for one that is wanted no more",
	  "b=1",
	  "/srv/d/a=x /srv/d/mine=x",
	  "/srv/d /srv/d/a",
	  FILES PUT("b", "/srv"),
	  DISALLOW,
	  "+f/srv/b -f/srv/d/a",
	  {} },
	{ "a user's file deep below keeps all folders above it",
	  "b=1",
	  "/srv/d/e/f/mine=x",
	  "/srv/d /srv/d/e /srv/d/e/f",
	  FILES PUT("b", "/srv"),
	  DISALLOW,
	  "+f/srv/b",
	  {} },
	{ "a folder that was there before us stays",
	  "b=1",
	  "/srv/app/a=x",
	  "/srv/app/a",
	  FILES PUT("b", "/opt"),
	  DISALLOW,
	  "+d/opt +f/opt/b -f/srv/app/a",
	  {} },
	{ "a folder of ours becomes a file",
	  "w/x=1",
	  "/srv/x/a=x",
	  "/srv/x /srv/x/a",
	  FILES PUT("w", "/srv"),
	  DISALLOW,
	  "+f/srv/x -f/srv/x/a",
	  {} },
	{ "not with a user's file in it",
	  "w/x=1",
	  "/srv/x/a=x /srv/x/mine=x",
	  "/srv/x /srv/x/a",
	  FILES PUT("w", "/srv"),
	  OVERWRITE,
	  NULL,
	  { EXISTS("/srv/x (it is a folder") } },
	{ "a file of ours becomes a folder",
	  "w/x/a=1",
	  "/srv/x=x",
	  "/srv/x",
	  FILES PUT("w", "/srv"),
	  DISALLOW,
	  "~d/srv/x +f/srv/x/a",
	  {} },
	{ "a link of ours becomes a folder",
	  "w/x/a=1",
	  "/data/ /srv/x->/data",
	  "/srv/x",
	  FILES PUT("w", "/srv"),
	  DISALLOW,
	  "~d/srv/x +f/srv/x/a",
	  {} },
	{ "a folder of ours becomes a link",
	  "w/x->y",
	  "/srv/x/a=x",
	  "/srv/x /srv/x/a",
	  FILES PUT("w", "/srv"),
	  DISALLOW,
	  "+l/srv/x -f/srv/x/a",
	  {} },
	{ "a user put a folder where our file was",
	  "w/x=1",
	  "/srv/x/mine=x",
	  "/srv/x",
	  FILES PUT("w", "/srv"),
	  OVERWRITE,
	  NULL,
	  { EXISTS("/srv/x (it is a folder") } },
	{ "a user moved our folder away and linked to it",
	  "w/a=1",
	  "/data/a=x /srv/app->/data",
	  "/srv/app /srv/app/a",
	  FILES PUT("w", "/srv/app"),
	  DISALLOW,
	  "-f/data/a ~d/srv/app +f/srv/app/a",
	  {} },
	{ "what the user deleted is made again",
	  "w/a=1",
	  "/srv/",
	  "/srv/app /srv/app/a /srv/app/b",
	  FILES PUT("w", "/srv/app"),
	  DISALLOW,
	  "+d/srv/app +f/srv/app/a",
	  {} },
	{ "a link to a link of ours that goes leads nowhere",
	  "b=1",
	  "/data/x=x /srv/d->/data /srv/c->d",
	  "/srv/d /srv/d/x",
	  FILES PUT("b", "/srv/c"),
	  DISALLOW,
	  NULL,
	  { EXISTS("/srv/c") } },
	{ "a folder moved into another of ours, with a link in its place",
	  "b=1",
	  "/srv/z/a=x /srv/d->z",
	  "/srv/d /srv/d/a /srv/z",
	  FILES PUT("b", "/srv"),
	  DISALLOW,
	  "+f/srv/b -l/srv/d -d/srv/z -f/srv/z/a",
	  {} },
	{ "what was ours below a link is found there",
	  "b=1",
	  "/data/app/a=x /srv->/data",
	  "/srv/app /srv/app/a",
	  FILES PUT("b", "/srv"),
	  DISALLOW,
	  "-d/data/app -f/data/app/a +f/data/b",
	  {} },
};

static void every_rule_of_the_files_section(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct host h;
		struct err err;
		size_t refused = 0;

		print_message("  %s\n", cases[i].why);
		host_init(&h, cases[i].bundle, cases[i].disk, cases[i].ours, cases[i].spec);
		h.in.behavior = cases[i].behavior;
		assert_int_equal(cases[i].want ? 0 : -1, host_plan(&h, &err));
		for (size_t k = 0; k < h.plan->findings.count; k++) {
			const struct finding *f = &h.plan->findings.items[k];

			if (f->level == FINDING_WARNING || (refused == MAX_REFUSED))
				continue;
			if (!cases[i].refused[refused] || !strstr(f->message, cases[i].refused[refused]))
				fail_msg("%s", f->message);
			if (!refused++)
				assert_non_null(strstr(f->message, err.msg));
		}
		assert_true(refused == MAX_REFUSED || !cases[i].refused[refused]);
		if (cases[i].want) {
			AUTO_FREE char *text = shown(h.plan);

			assert_string_equal(cases[i].want, text);
		}
		host_done(&h);
	}
}

/* Permissions: which paths an entry speaks of, as "path:mode" of what has the mode 0700 of the entry. */
#define TREE_WORDS "w/a=1 w/b.tmp=2 w/c.tmp=3 w/d/e=4 w/d/f/g=5"
#define TREE_SPEC  FILES PUT("w", "/srv/app") PERMISSIONS

static const struct {
	const char *why, *disk, *spec;
	const char *want;    /* paths below /srv/app that the entries reach, NULL: refused */
	const char *message; /* of the first finding; NULL: none */
	enum finding_level level;
} permissions[] = {
	{ "everything below, at any depth, not the object", "/srv/", TREE_SPEC PERMIT("/srv/app", "mode: 700"),
	  "a b.tmp c.tmp d d/e d/f d/f/g", NULL, 0 },
	{ "an object above what is installed", "/srv/", TREE_SPEC PERMIT("/", "mode: 700"),
	  " a b.tmp c.tmp d d/e d/f d/f/g", NULL, 0 },
	{ "a pattern is for direct children", "/srv/", TREE_SPEC PERMIT("/srv/app", "pattern: '*', mode: 700"),
	  "a b.tmp c.tmp d", NULL, 0 },
	{ "a pattern with a name", "/srv/", TREE_SPEC PERMIT("/srv/app/", "pattern: '*.tmp', mode: 700"), "b.tmp c.tmp",
	  NULL, 0 },
	{ "but for", "/srv/", TREE_SPEC PERMIT("/srv/app", "except: ['*.tmp', d], mode: 700"), "a d/e d/f d/f/g", NULL,
	  0 },
	{ "** as an exception is direct children only", "/srv/",
	  TREE_SPEC PERMIT("/srv/app", "except: ['**'], mode: 700"), "d/e d/f d/f/g", NULL, 0 },
	{ "files only", "/srv/", TREE_SPEC PERMIT("/srv/app", "type: [file], mode: 700"), "a b.tmp c.tmp d/e d/f/g",
	  NULL, 0 },
	{ "folders only", "/srv/", TREE_SPEC PERMIT("/srv/app", "type: [directory], mode: 700"), "d d/f", NULL, 0 },
	{ "the folder itself by its parent and its name", "/srv/", TREE_SPEC PERMIT("/srv", "pattern: app, mode: 700"),
	  "", NULL, 0 },
	{ "a file as the object", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "mode: 700"), "a", NULL, 0 },
	{ "a file as the object of an entry for folders: nothing, not even its pattern is looked at", "/srv/",
	  TREE_SPEC PERMIT("/srv/app/a", "type: [directory], pattern: x, mode: 700"), "-", "match nothing",
	  FINDING_WARNING },
	{ "a file as the object with a pattern", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "pattern: 'x*', mode: 700"),
	  NULL, "includes an object (/srv/app/a) with an invalid pattern (x*)", FINDING_ERROR },
	{ "a file as the object with an exception", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "except: [x], mode: 700"),
	  NULL,
	  "the except parameter for a pattern in the permissions section ([\"x\"]) for the object named /srv/app/a",
	  FINDING_ERROR },
	{ "a file as the object with exceptions", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "except: [x, y], mode: 700"),
	  NULL,
	  "the except parameter for a pattern in the permissions section ([\"x\", ...]) for the object named "
	  "/srv/app/a",
	  FINDING_ERROR },
	{ "a default ACL for a file behind one that is none", "/srv/",
	  TREE_SPEC PERMIT("/srv/app/a", "acls: ['bob:r', 'd:bob:7']"), NULL, "the -d parameter", FINDING_ERROR },
	{ "ACLs for a file", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "mode: 700, acls: ['bob:r', 'g:web:r', 'm:r']"),
	  "a", NULL, 0 },
	{ "a default ACL for a file", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "acls: ['d:bob:7']"), NULL,
	  "the -d parameter", FINDING_ERROR },
	{ "a default ACL for folders", "/srv/",
	  TREE_SPEC PERMIT("/srv/app", "type: [directory], mode: 700, acls: ['d:bob:7']"), "d d/f", NULL, 0 },
	{ "the object twice", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "mode: 600") PERMIT("/srv/app", "mode: 700"),
	  NULL, "the permissions setting for (/srv/app/a) is specified more than once", FINDING_ERROR },
	{ "files and folders by two entries", "/srv/",
	  TREE_SPEC PERMIT("/srv/app", "type: [file], mode: 700") PERMIT("/srv/app", "type: [directory], mode: 700"),
	  "a b.tmp c.tmp d d/e d/f d/f/g", NULL, 0 },
	{ "nothing is there", "/srv/", TREE_SPEC PERMIT("/opt", "mode: 700"), "-",
	  "the permissions for object '/opt' match nothing", FINDING_WARNING },
	{ "what was there before is not touched", "/srv/app/d/mine=x", TREE_SPEC PERMIT("/srv/app", "mode: 700"),
	  "a b.tmp c.tmp d/e d/f d/f/g", NULL, 0 },
	{ "the spelling by way of a link, as in the files section", "/data/ /srv->/data",
	  TREE_SPEC PERMIT("/srv/app", "pattern: a, mode: 700"), "a", NULL, 0 },
	{ "the real path of something spelled by way of a link", "/data/ /srv->/data",
	  TREE_SPEC PERMIT("/data/app", "mode: 700"), "-", "match nothing", FINDING_WARNING },
	{ "an unknown owner", "/srv/", TREE_SPEC PERMIT("/srv/app", "owner: nobodyknows"), NULL,
	  "can't find user for nobodyknows", FINDING_ERROR },
	{ "an unknown group", "/srv/", TREE_SPEC PERMIT("/srv/app", "group: nobodyknows"), NULL,
	  "can't find group for nobodyknows", FINDING_ERROR },
	{ "an unknown name in an ACL", "/srv/", TREE_SPEC PERMIT("/srv/app", "acls: ['u:nobodyknows:7']"), NULL,
	  "There is no user called 'nobodyknows'", FINDING_ERROR },
	{ "an SELinux context", "/srv/", TREE_SPEC PERMIT("/srv/app", "mode: 700, type: [file], context: {type: t}"),
	  "a b.tmp c.tmp d/e d/f/g", NULL, 0 },
	{ "an unknown group in an ACL", "/srv/", TREE_SPEC PERMIT("/srv/app", "acls: ['g:nobodyknows:7']"), NULL,
	  "There is no group called 'nobodyknows'", FINDING_ERROR },
	{ "an unknown owner of nothing", "/srv/", TREE_SPEC PERMIT("/srv/app", "pattern: '*.old', owner: nobodyknows"),
	  "-", "match nothing that this deployment installs: can't find user for nobodyknows", FINDING_WARNING },
	{ "an unknown group of nothing", "/srv/", TREE_SPEC PERMIT("/opt", "group: nobodyknows"), "-",
	  "match nothing that this deployment installs: can't find group for nobodyknows", FINDING_WARNING },
	{ "an unknown name in an ACL of nothing", "/srv/", TREE_SPEC PERMIT("/opt", "acls: ['u:nobodyknows:7']"), "-",
	  "There is no user called 'nobodyknows'", FINDING_WARNING },
	{ "an unknown owner in an entry for folders whose object is a file", "/srv/",
	  TREE_SPEC PERMIT("/srv/app/a", "type: [directory], owner: nobodyknows"), "-", "match nothing",
	  FINDING_WARNING },
};

/* Below FOLDER, what has the mode 0700; "-" when nothing has. FOLDER itself shows as an empty word. */
static char *reached(const struct plan *p, const char *folder)
{
	char *words[FAKE_MAX];
	size_t count = 0;
	struct str s = STR_INIT(4096);

	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, true)) {
		AUTO_FREE char *path = plan_path(p, i);
		struct plan_attributes a;

		if (p->nodes[i].real != i || !plan_is_wanted(&p->nodes[i]))
			continue;
		plan_attributes(p, i, &a);
		if (a.mode == 0700)
			words[count++] = xasprintf("  %s", path + strlen(folder) + (path[strlen(folder)] == '/'));
	}
	qsort(words, count, sizeof(*words), by_text);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(0, str_printf(&s, "%s%s", i ? " " : "", words[i] + 2));
		free(words[i]);
	}
	return count ? str_take(&s) : xstrdup("-");
}

static uint32_t node_at(const struct plan *p, const char *path)
{
	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, true)) {
		AUTO_FREE char *have = plan_path(p, i);

		if (!strcmp(have, path))
			return i;
	}
	fail_msg("%s is not in the plan", path);
	return 0;
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

static void every_rule_of_the_permissions_section(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(permissions); i++) {
		struct host h;
		struct err err;

		print_message("  %s\n", permissions[i].why);
		host_init(&h, TREE_WORDS, permissions[i].disk, NULL, permissions[i].spec);
		assert_int_equal(permissions[i].want ? 0 : -1, host_plan(&h, &err));
		if (permissions[i].message) {
			assert_true(h.plan->findings.count > 0);
			assert_int_equal(permissions[i].level, h.plan->findings.items[0].level);
			assert_non_null(strstr(h.plan->findings.items[0].message, permissions[i].message));
		} else {
			assert_int_equal(0, h.plan->findings.count);
		}
		if (permissions[i].want) {
			AUTO_FREE char *text = reached(h.plan,
						       strstr(permissions[i].disk, "->") ? "/data/app" : "/srv/app");

			assert_string_equal(permissions[i].want, text);
		}
		host_done(&h);
	}
}

static const struct {
	const char *why;
	uid_t uid;
	bool no_tools;
	enum err_kind want;
	const char *message;
} needs[] = {
	{ "root, and the tools are there", 0, false, ERR_NONE, NULL },
	{ "no semanage: a hook may install it", 0, true, ERR_NOT_READY,
	  "object '/srv/app' has an SELinux context: there is no semanage on this host" },
	{ "an ordinary user", 1001, false, ERR_APPSPEC, "only root sets one" },
};

static void a_context_needs_root_and_the_tools(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		struct host h;
		struct err err;

		print_message("  %s\n", needs[i].why);
		host_init(&h, TREE_WORDS, "/srv/", NULL, TREE_SPEC PERMIT("/srv/app", "context: {type: t}"));
		h.in.uid = needs[i].uid;
		h.disk.no_tools = needs[i].no_tools;
		assert_int_equal(needs[i].message ? -1 : 0, host_plan(&h, &err));
		assert_int_equal(needs[i].want, err.kind);
		if (needs[i].message)
			assert_non_null(strstr(err.msg, needs[i].message));
		host_done(&h);
	}
}

/* A folder that two entries spell differently is one object, reached by either name and only once. */
static void a_folder_with_two_spellings_answers_to_both(void **state)
{
	static const char *const orders[] = {
		FILES PUT("a", "/data/app") PUT("b", "/srv/app"),
		FILES PUT("b", "/srv/app") PUT("a", "/data/app"),
	};
	static const char *const objects[] = {
		PERMISSIONS PERMIT("/srv", "pattern: app, mode: 700"),
		PERMISSIONS PERMIT("/data", "pattern: app, mode: 700"),
		PERMISSIONS PERMIT("/", "type: [directory], mode: 700"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(orders) * ARRAY_LEN(objects); i++) {
		AUTO_FREE char *spec = xasprintf("%s%s", orders[i % 2], objects[i / 2]);
		struct host h;
		struct err err;

		print_message("  %zu: %s\n", i % 2, objects[i / 2]);
		host_init(&h, "a=1 b=2", "/data/ /srv->/data", NULL, spec);
		if (host_plan(&h, &err) < 0)
			fail_msg("%s", err.msg);

		AUTO_FREE char *text = reached(h.plan, "/data/app");

		assert_string_equal("", text);
		host_done(&h);
	}
}

/* Attributes */

static void assert_attributes(const struct plan *p, const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct plan_attributes a;

	plan_attributes(p, node_at(p, path), &a);
	print_message("  %s is %04o %u:%u\n", path, a.mode, a.uid, a.gid);
	assert_int_equal(mode, a.mode);
	assert_int_equal(uid, a.uid);
	assert_int_equal(gid, a.gid);
}

static struct tree_entry *entry_at(struct host *h, const char *path)
{
	uint32_t i = tree_find(&h->bundle.tree, path);

	assert_int_not_equal(TREE_NONE, i);
	return &h->bundle.tree.entries[i];
}

static void give(struct tree_entry *e, unsigned mode, uint32_t uid, uint32_t gid)
{
	e->mode = (uint16_t)mode;
	e->uid = uid;
	e->gid = gid;
}

static void files_bring_their_attributes_and_folders_have_the_agents(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "w/d/f=1 w/s=2 w/l->f", "/srv/", NULL, FILES PUT("w", "/srv"));
	give(entry_at(&h, "w/d"), 0711, 7, 8);
	give(entry_at(&h, "w/d/f"), 0640, 7, 8);
	give(entry_at(&h, "w/s"), 06755, 7, 8);
	give(entry_at(&h, "w/l"), 0777, 7, 8);
	h.in.umask = 027;
	assert_int_equal(0, host_plan(&h, &err));
	assert_attributes(h.plan, "/srv/d", 0750, 0, 0);
	assert_attributes(h.plan, "/srv/d/f", 0640, 7, 8);
	assert_attributes(h.plan, "/srv/s", 06755, 7, 8);
	assert_attributes(h.plan, "/srv/l", 0777, 0, 0);
	host_done(&h);
}

static void without_root_everything_is_the_users_own(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "w/f=1 w/s=2 w/own=3 w/group=4", "/srv/", NULL, FILES PUT("w", "/srv"));
	give(entry_at(&h, "w/f"), 0640, 7, 8);
	give(entry_at(&h, "w/s"), 06755, 7, 8);
	give(entry_at(&h, "w/own"), 04755, 500, 600);
	give(entry_at(&h, "w/group"), 06755, 500, 8);
	h.in.uid = 500;
	h.in.gid = 600;
	assert_int_equal(0, host_plan(&h, &err));
	assert_attributes(h.plan, "/srv/group", 0755, 500, 600);
	assert_attributes(h.plan, "/srv/f", 0640, 500, 600);
	assert_attributes(h.plan, "/srv/s", 0755, 500, 600);
	assert_attributes(h.plan, "/srv/own", 04755, 500, 600);
	host_done(&h);

	host_init(&h, "w/f=1", "/srv/", NULL, FILES PUT("w", "/srv") PERMISSIONS PERMIT("/srv", "owner: bob"));
	h.in.uid = 500;
	assert_int_equal(-1, host_plan(&h, &err));
	assert_non_null(strstr(err.msg, "only root gives files away"));
	h.in.uid = 1001;
	assert_int_equal(0, host_plan(&h, &err));
	host_done(&h);
}

static void a_new_owner_clears_what_chown_clears_unless_the_mode_is_given(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "w/a=1 w/b=2 w/c=3 w/l->a", "/srv/", NULL,
		  FILES PUT("w", "/srv") PERMISSIONS PERMIT("/srv", "pattern: a, owner: bob, group: web")
			  PERMIT("/srv", "pattern: b, owner: bob, mode: 6711") PERMIT("/srv", "pattern: c, group: web")
				  PERMIT("/srv", "pattern: l, owner: bob, mode: 600"));
	give(entry_at(&h, "w/a"), 06755, 7, 8);
	give(entry_at(&h, "w/b"), 0644, 7, 8);
	give(entry_at(&h, "w/c"), 06745, 7, 8);
	assert_int_equal(0, host_plan(&h, &err));
	assert_attributes(h.plan, "/srv/a", 0755, 1001, 2001);
	assert_attributes(h.plan, "/srv/b", 06711, 1001, 8);
	assert_attributes(h.plan, "/srv/c", 02745, 7, 2001); /* setgid without group execution is a lock, and stays */
	assert_attributes(h.plan, "/srv/l", 0777, 1001, 0);
	host_done(&h);
}

static void each_setgid_folder_hands_down_its_own_group(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "w/e/", "/one/ /two/ /three/", NULL, FILES PUT("w", "/one") PUT("w", "/two") PUT("w", "/three"));
	fake_find(&h.disk, "/one")->entry.mode = 02755;
	fake_find(&h.disk, "/one")->entry.gid = 71;
	fake_find(&h.disk, "/two")->entry.mode = 02755;
	fake_find(&h.disk, "/two")->entry.gid = 72;
	assert_int_equal(0, host_plan(&h, &err));
	assert_attributes(h.plan, "/one/e", 02755, 0, 71);
	assert_attributes(h.plan, "/two/e", 02755, 0, 72);
	assert_attributes(h.plan, "/three/e", 0755, 0, 0);
	host_done(&h);
}

static void a_setgid_folder_hands_its_group_down(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "w/d/e/f=1 w/d/x->gone w/y->gone", "/srv/app/", NULL,
		  FILES PUT("w", "/srv/app") PERMISSIONS PERMIT("/srv/app/d", "pattern: e, mode: 700"));
	fake_find(&h.disk, "/srv/app")->entry.mode = 02775;
	fake_find(&h.disk, "/srv/app")->entry.gid = 77;
	assert_int_equal(0, host_plan(&h, &err));
	assert_attributes(h.plan, "/srv/app/d", 02755, 0, 77);
	assert_attributes(h.plan, "/srv/app/d/e", 0700, 0, 77);
	assert_attributes(h.plan, "/srv/app/d/e/f", 0644, 0, 0);
	assert_attributes(h.plan, "/srv/app/d/x", 0777, 0, 77);
	assert_attributes(h.plan, "/srv/app/y", 0777, 0, 77);
	host_done(&h);
}

/* Unchanged or not */

struct manifest_of_a {
	struct manifest_entry entries[4];
	struct manifest manifest;
};

/* The manifest that an install of `w/a=one w/l->a` into /srv/app left, where /srv/app was made. */
static void manifest_as_installed(struct manifest_of_a *m, const struct fake_world *disk)
{
	static const char pool[] = "\0srv\0a\0l\0user:bob:rwx";

	*m = (struct manifest_of_a){ 0 };
	m->manifest = (struct manifest){ .entries = m->entries, .count = 4, .pool = pool, .pool_len = sizeof(pool) };
	m->entries[0].type = m->entries[1].type = TREE_DIRECTORY;
	m->entries[1].name = 1;
	for (uint32_t i = 2; i < 4; i++) {
		const struct disk_entry *d = &disk->items[i - 1].entry;

		m->entries[i] = (struct manifest_entry){ .parent = 1,
							 .name = i == 2 ? 5 : 7,
							 .text = i == 2 ? 0 : 5,
							 .mode = (uint16_t)d->mode,
							 .type = i == 2 ? TREE_FILE : TREE_LINK,
							 .flags = MANIFEST_OURS | (i == 2 ? MANIFEST_HAS_DIGEST : 0),
							 .dev = d->dev,
							 .ino = d->ino,
							 .size = d->size,
							 .mtime_ns = d->mtime_ns,
							 .ctime_ns = d->ctime_ns };
	}
	fake_digest("one", m->entries[2].digest);
}

static const struct {
	const char *why;
	size_t offset; /* in the manifest's entry: what differs from what is there */
	size_t size;
	bool link;
} differences[] = {
	{ "the device", offsetof(struct manifest_entry, dev), 8, true },
	{ "the inode", offsetof(struct manifest_entry, ino), 8, true },
	{ "the size", offsetof(struct manifest_entry, size), 8, false },
	{ "the time of modification", offsetof(struct manifest_entry, mtime_ns), 8, false },
	{ "the time of change", offsetof(struct manifest_entry, ctime_ns), 8, true },
	{ "the mode", offsetof(struct manifest_entry, mode), 2, false },
	{ "the owner", offsetof(struct manifest_entry, uid), 4, true },
	{ "the group", offsetof(struct manifest_entry, gid), 4, true },
	{ "the ACL", offsetof(struct manifest_entry, acl), 4, true },
	{ "the content", offsetof(struct manifest_entry, digest), 1, false },
	{ "whether it is ours", offsetof(struct manifest_entry, flags), 1, true },
	{ "what it is", offsetof(struct manifest_entry, type), 1, true },
};

static void any_single_difference_makes_it_changed(void **state)
{
	struct host h;
	struct err err;
	struct manifest_of_a m;

	(void)state;
	host_init(&h, "w/a=one w/l->a", "/srv/ /srv/a=one /srv/l->a", NULL, FILES PUT("w", "/srv"));
	h.in.behavior = OVERWRITE;
	h.in.manifest = &m.manifest;
	manifest_as_installed(&m, &h.disk);
	assert_int_equal(0, host_plan(&h, &err));

	AUTO_FREE char *same = shown(h.plan);

	assert_string_equal("=f/srv/a =l/srv/l", same);
	assert_int_equal(2, h.plan->counts.unchanged);
	assert_int_equal(0, h.plan->counts.bytes);
	for (size_t i = 0; i < ARRAY_LEN(differences); i++) {
		print_message("  %s\n", differences[i].why);
		manifest_as_installed(&m, &h.disk);
		((unsigned char *)&m.entries[2])[differences[i].offset] ^= 1;
		((unsigned char *)&m.entries[3])[differences[i].offset] ^= 1;
		if (differences[i].offset == offsetof(struct manifest_entry, acl))
			m.entries[2].acl = m.entries[3].acl = 9;
		assert_int_equal(0, host_plan(&h, &err));

		AUTO_FREE char *text = shown(h.plan);

		assert_string_equal(differences[i].link ? "~f/srv/a ~l/srv/l" : "~f/srv/a =l/srv/l", text);
	}
	host_done(&h);
}

static void a_different_bundle_makes_it_changed(void **state)
{
	struct host h;
	struct err err;
	struct manifest_of_a m;

	(void)state;
	host_init(&h, "w/a=two w/l->b", "/srv/ /srv/a=one /srv/l->a", NULL, FILES PUT("w", "/srv"));
	h.in.manifest = &m.manifest;
	manifest_as_installed(&m, &h.disk);
	assert_int_equal(0, host_plan(&h, &err));

	AUTO_FREE char *content = shown(h.plan);

	assert_string_equal("~f/srv/a ~l/srv/l", content);
	assert_int_equal(3, h.plan->counts.bytes);
	host_done(&h);

	host_init(&h, "w/a=one w/l->a", "/srv/ /srv/a=one /srv/l->a", NULL, FILES PUT("w", "/srv"));
	h.in.manifest = &m.manifest;
	h.in.digests = NULL; /* nobody has looked into the bundle's files: they may hold anything */
	assert_int_equal(0, host_plan(&h, &err));

	AUTO_FREE char *unknown = shown(h.plan);

	assert_string_equal("~f/srv/a =l/srv/l", unknown);
	h.in.digests = h.bundle.digests;
	entry_at(&h, "w/a")->mtime_ns++;
	assert_int_equal(0, host_plan(&h, &err));

	AUTO_FREE char *newer = shown(h.plan);

	assert_string_equal("~f/srv/a =l/srv/l", newer);
	host_done(&h);
}

#define OWN_FOLDER FILES PUT("w", "/srv")

static const struct {
	const char *why, *spec;
	mode_t mode; /* of what stands there; it was made 0755 for 0 and 0 */
	uid_t uid;
	gid_t gid;
	bool had_acl, has_acl; /* by the last manifest, on the disk */
	const char *want;
} folders[] = {
	{ "as it was made", OWN_FOLDER, 0755, 0, 0, false, false, "=d/srv/d ~f/srv/d/a" },
	{ "another mode", OWN_FOLDER, 0700, 0, 0, false, false, "@d/srv/d ~f/srv/d/a" },
	{ "another owner", OWN_FOLDER, 0755, 5, 0, false, false, "@d/srv/d ~f/srv/d/a" },
	{ "another group", OWN_FOLDER, 0755, 0, 5, false, false, "@d/srv/d ~f/srv/d/a" },
	{ "an ACL that it is to have", OWN_FOLDER PERMISSIONS PERMIT("/srv", "type: [directory], acls: ['bob:r']"),
	  0755, 0, 0, false, false, "@d/srv/d ~f/srv/d/a" },
	{ "an ACL that it is not to have any more", OWN_FOLDER, 0755, 0, 0, true, true, "@d/srv/d ~f/srv/d/a" },
	{ "a permission that says nothing of ACLs",
	  OWN_FOLDER PERMISSIONS PERMIT("/srv", "type: [directory], mode: 755"), 0755, 0, 0, false, false,
	  "=d/srv/d ~f/srv/d/a" },
	{ "an ACL that somebody gave it", OWN_FOLDER, 0755, 0, 0, false, true, "@d/srv/d ~f/srv/d/a" },
	{ "an ACL that somebody has taken from it already", OWN_FOLDER, 0755, 0, 0, true, false,
	  "=d/srv/d ~f/srv/d/a" },
};

static void a_folder_of_ours_gets_its_attributes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		static const char pool[] = "\0srv\0d\0a\0user:bob:r--";
		struct manifest_entry entries[] = {
			{ .type = TREE_DIRECTORY },
			{ .name = 1, .type = TREE_DIRECTORY },
			{ .parent = 1,
			  .name = 5,
			  .type = TREE_DIRECTORY,
			  .flags = MANIFEST_OURS,
			  .acl = folders[i].had_acl ? 9 : 0 },
			{ .parent = 2, .name = 7, .type = TREE_FILE, .flags = MANIFEST_OURS },
		};
		struct manifest m = { .entries = entries, .count = 4, .pool = pool, .pool_len = sizeof(pool) };
		struct host h;
		struct err err;

		print_message("  %s\n", folders[i].why);
		host_init(&h, "w/d/a=1", "/srv/d/a=x", NULL, folders[i].spec);
		fake_find(&h.disk, "/srv/d")->entry.mode = folders[i].mode;
		fake_find(&h.disk, "/srv/d")->has_acl = folders[i].has_acl;
		fake_find(&h.disk, "/srv/d")->entry.uid = folders[i].uid;
		fake_find(&h.disk, "/srv/d")->entry.gid = folders[i].gid;
		h.in.manifest = &m;
		assert_int_equal(0, host_plan(&h, &err));

		AUTO_FREE char *text = shown(h.plan);

		assert_string_equal(folders[i].want, text);
		host_done(&h);
	}
}

/* The rest */

static void the_prefix_goes_before_destinations_and_objects(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "a=1", "/try/ /try/srv->/etc /etc/", NULL,
		  FILES PUT("a", "/../../opt") PERMISSIONS PERMIT("/opt", "mode: 700"));
	h.in.install_prefix = "/try";
	assert_int_equal(0, host_plan(&h, &err));

	AUTO_FREE char *text = shown(h.plan);

	assert_string_equal("+d/try/opt +f/try/opt/a", text);
	assert_attributes(h.plan, "/try/opt/a", 0700, 0, 0);
	host_done(&h);
}

static void a_relative_destination_is_warned_about(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "a=1", "/srv/", NULL, FILES PUT("a", "srv"));
	assert_int_equal(0, host_plan(&h, &err));
	assert_int_equal(1, h.plan->findings.count);
	assert_int_equal(FINDING_WARNING, h.plan->findings.items[0].level);
	assert_int_equal(4, h.plan->findings.items[0].place.line);
	assert_string_equal("destination 'srv' is relative; it is taken as '/srv'", h.plan->findings.items[0].message);
	host_done(&h);
}

static void the_counts_add_up(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "w/a=1 w/b=22 w/c=333 w/d/e=4444", "/srv/a=x /srv/b=x /srv/old=x /srv/od/x=x",
		  "/srv/b /srv/old /srv/od /srv/od/x", FILES PUT("w", "/srv"));
	h.in.behavior = RETAIN;
	assert_int_equal(0, host_plan(&h, &err));
	assert_int_equal(4, h.plan->counts.planned);
	assert_int_equal(2, h.plan->counts.added);
	assert_int_equal(1, h.plan->counts.changed);
	assert_int_equal(0, h.plan->counts.unchanged);
	assert_int_equal(1, h.plan->counts.retained);
	assert_int_equal(2, h.plan->counts.removed);
	assert_int_equal(1, h.plan->counts.folders);
	assert_int_equal(9, h.plan->counts.bytes);
	host_done(&h);
}

static const struct {
	const char *why, *spec;
	enum err_kind kind;
	size_t hard;
} kinds[] = {
	{ "a conflict that a hook may clear away", FILES PUT("a", "/srv"), ERR_EXISTS, 0 },
	{ "a source that a hook may bring", FILES PUT("b", "/opt") PUT("a", "/srv"), ERR_NOT_READY, 0 },
	{ "an appspec that no hook can cure", FILES PUT("a", "/srv") PUT("a", "/opt") PUT("a", "/opt"), ERR_EXISTS, 1 },
	{ "a user that a hook may make", FILES PUT("a", "/opt") PERMISSIONS PERMIT("/opt", "owner: no"), ERR_NOT_READY,
	  0 },
};

static void what_a_hook_could_still_cure_is_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct host h;
		struct err err;

		print_message("  %s\n", kinds[i].why);
		host_init(&h, "a=1", "/srv/a=x", NULL, kinds[i].spec);
		assert_int_equal(-1, host_plan(&h, &err));
		assert_int_equal(kinds[i].kind, err.kind);
		assert_int_equal(kinds[i].hard, h.plan->hard);
		host_done(&h);
	}
}

static void a_disk_that_does_not_answer_ends_the_plan(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "a=1", "/srv/", "/srv/a", FILES PUT("a", "/srv"));
	h.disk.broken = true;
	assert_int_equal(-1, host_plan(&h, &err));
	assert_string_equal("the disk does not answer", err.msg);
	assert_non_null(h.plan);
	host_done(&h);

	host_init(&h, "a=1", "/srv/", NULL, FILES PUT("b", "srv") PUT("a", "/srv"));
	h.disk.broken = true;
	assert_int_equal(-1, host_plan(&h, &err));
	assert_null(strstr(err.msg, "relative")); /* a warning is no cause */
	host_done(&h);
}

/* Every question of every case in turn: the plan ends with that failure, and leaves nothing behind. */
static void whichever_question_stays_without_an_answer_there_is_no_plan(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct host h;
		struct err err;

		host_init(&h, cases[i].bundle, cases[i].disk, cases[i].ours, cases[i].spec);
		h.in.behavior = cases[i].behavior;
		(void)host_plan(&h, &err); /* refused or not */

		unsigned questions = h.disk.asked;

		for (h.disk.fails_at = 1; h.disk.fails_at <= questions; h.disk.fails_at++) {
			h.disk.asked = 0;
			assert_int_equal(-1, host_plan(&h, &err));
			assert_string_equal("the disk does not answer", err.msg);
		}
		host_done(&h);
	}
}

static void a_destination_or_an_object_longer_than_a_path_can_be_is_refused(void **state)
{
	AUTO_FREE char *deep = xcalloc(1, 5000);
	struct host h;
	struct err err;

	(void)state;
	memset(deep, 'a', 4999);

	AUTO_FREE char *destination = xasprintf(FILES "- {source: a, destination: /%s}\n", deep);
	AUTO_FREE char *object = xasprintf(FILES PUT("a", "/srv") PERMISSIONS "- {object: /%s, mode: 644}\n", deep);

	host_init(&h, "a=1", "/srv/", NULL, destination);
	assert_int_equal(-1, host_plan(&h, &err));
	assert_int_equal(ERR_APPSPEC, err.kind);
	assert_non_null(strstr(err.msg, "longer than 4095 bytes"));
	host_done(&h);

	host_init(&h, "a=1", "/srv/", NULL, object);
	assert_int_equal(-1, host_plan(&h, &err));
	assert_int_equal(ERR_APPSPEC, err.kind);
	assert_non_null(strstr(err.msg, "longer than 4095 bytes"));
	host_done(&h);
}

/* Folders chained by links: each is copied into the one before, and so deeper and deeper. */
static void a_destination_deeper_than_a_path_can_be_is_refused(void **state)
{
	enum { LONG = 3000 };
	struct host h;
	struct err err;
	struct tree *t = &h.bundle.tree;

	(void)state;
	host_init(&h, "", "/srv/", NULL, FILES PUT("0", "/srv"));
	for (uint32_t i = 0; i < LONG; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%u", i);
		t->entries = xrealloc(t->entries, (t->count + 1) * sizeof(*t->entries));
		t->entries[t->count++] = (struct tree_entry){
			.name = fake_keep(t, name), .type = TREE_DIRECTORY, .first = 1 + LONG + i, .count = 1
		};
	}
	t->entries[0].first = 1;
	t->entries[0].count = LONG;
	for (uint32_t i = 0; i < LONG; i++) {
		t->entries = xrealloc(t->entries, (t->count + 1) * sizeof(*t->entries));
		t->entries[t->count++] = (struct tree_entry){ .parent = 1 + i,
							      .name = fake_keep(t, "d"),
							      .type = TREE_DIRECTORY,
							      .first = 2 + LONG + i,
							      .count = 1 };
	}
	t->entries[2 * LONG].count = 0;
	assert_int_equal(-1, host_plan(&h, &err));
	assert_int_equal(ERR_BUNDLE, err.kind);
	assert_non_null(strstr(err.msg, "longer than 4095 bytes"));
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_of_the_files_section),
		cmocka_unit_test(a_link_leads_where_the_last_revisions_files_are_gone),
		cmocka_unit_test(every_rule_of_the_permissions_section),
		cmocka_unit_test(a_context_needs_root_and_the_tools),
		cmocka_unit_test(a_folder_with_two_spellings_answers_to_both),
		cmocka_unit_test(files_bring_their_attributes_and_folders_have_the_agents),
		cmocka_unit_test(without_root_everything_is_the_users_own),
		cmocka_unit_test(a_new_owner_clears_what_chown_clears_unless_the_mode_is_given),
		cmocka_unit_test(a_setgid_folder_hands_its_group_down),
		cmocka_unit_test(each_setgid_folder_hands_down_its_own_group),
		cmocka_unit_test(any_single_difference_makes_it_changed),
		cmocka_unit_test(a_different_bundle_makes_it_changed),
		cmocka_unit_test(a_folder_of_ours_gets_its_attributes_back),
		cmocka_unit_test(the_prefix_goes_before_destinations_and_objects),
		cmocka_unit_test(a_relative_destination_is_warned_about),
		cmocka_unit_test(the_counts_add_up),
		cmocka_unit_test(what_a_hook_could_still_cure_is_told_apart),
		cmocka_unit_test(a_disk_that_does_not_answer_ends_the_plan),
		cmocka_unit_test(whichever_question_stays_without_an_answer_there_is_no_plan),
		cmocka_unit_test(a_destination_or_an_object_longer_than_a_path_can_be_is_refused),
		cmocka_unit_test(a_destination_deeper_than_a_path_can_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
