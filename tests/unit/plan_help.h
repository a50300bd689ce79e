/* plan_help.h - hosts and bundles made of words, and the plans for them. */
#pragma once

#include "plan_words.h"

#define FILES		     "version: 0.0\nos: linux\nfiles:\n"
#define PUT(source, to)	     "- {source: '" source "', destination: '" to "'}\n"
#define PERMISSIONS	     "permissions:\n"
#define PERMIT(object, rest) "- {object: '" object "', " rest "}\n"
#define DISALLOW	     FILE_EXISTS_DISALLOW
#define OVERWRITE	     FILE_EXISTS_OVERWRITE
#define RETAIN		     FILE_EXISTS_RETAIN
#define EXISTS(path)	     "a specified file already exists at this location: " path

struct host { /* everything that goes into a plan */
	struct fake_world disk;
	struct fake_bundle bundle;
	struct appspec *spec;
	struct manifest *manifest;
	struct plan_input in;
	struct plan *plan;
};

static inline struct appspec *parsed(const char *text)
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
static inline struct manifest *manifest_of(const char *ours)
{
	AUTO_FREE char *lines = xasprintf("%s\n", ours);

	for (char *c = lines; (c = strchr(c, ' '));)
		*c = '\n';
	return manifest_from_cleanup(lines, strlen(lines), NULL);
}

static inline void host_init(struct host *h, const char *bundle, const char *disk, const char *ours, const char *spec)
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

static inline void host_done(struct host *h)
{
	plan_free(h->plan);
	appspec_free(h->spec);
	manifest_free(h->manifest);
	fake_world_done(&h->disk);
	fake_bundle_done(&h->bundle);
}

static inline int host_plan(struct host *h, struct err *err)
{
	*err = ERR_INIT;
	plan_free(h->plan);
	h->plan = NULL;
	return plan_build(&h->in, &h->plan, err);
}
