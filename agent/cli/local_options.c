/* cli/local_options.c - from an argument vector to a request. */
#include "cli/local_options.h"
#include "cli/local_source.h"
#include "format/plain.h"
#include "lifecycle/event.h"
#include "model/names.h"
#include "util/auto.h"
#include "util/str.h"

#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>

enum { OPTION_JSON = 256, OPTION_ON_FAILURE, OPTION_PLAN };

static const char short_options[] = ":l:t:b:g:d:a:e:c:A:hvV";

static const struct option long_options[] = {
	{ "bundle-location", required_argument, NULL, 'l' },
	{ "type", required_argument, NULL, 't' },
	{ "file-exists-behavior", required_argument, NULL, 'b' },
	{ "deployment-group", required_argument, NULL, 'g' },
	{ "deployment-group-name", required_argument, NULL, 'd' },
	{ "application-name", required_argument, NULL, 'a' },
	{ "events", required_argument, NULL, 'e' },
	{ "agent-configuration-file", required_argument, NULL, 'c' },
	{ "appspec-filename", required_argument, NULL, 'A' },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "on-failure", required_argument, NULL, OPTION_ON_FAILURE },
	{ "plan", required_argument, NULL, OPTION_PLAN },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

static const struct {
	int option;
	size_t offset;
} values[] = {
	{ 'l', offsetof(struct local_options, location) },
	{ 't', offsetof(struct local_options, type) },
	{ 'b', offsetof(struct local_options, file_exists_behavior) },
	{ 'g', offsetof(struct local_options, group) },
	{ 'd', offsetof(struct local_options, group_name) },
	{ 'a', offsetof(struct local_options, application) },
	{ 'e', offsetof(struct local_options, events) },
	{ 'c', offsetof(struct local_options, agent_configuration_file) },
	{ 'A', offsetof(struct local_options, appspec_filename) },
	{ OPTION_ON_FAILURE, offsetof(struct local_options, on_failure) },
	{ OPTION_PLAN, offsetof(struct local_options, plan_id) },
};

/* ARGUMENT is the word that getopt stumbled over; NAMED the option letter, 0 for a long one. */
static int complain(int what, int named, const char *argument, struct err *err)
{
	AUTO_FREE char *word = named ? xasprintf("-%c", named) : plain_path(argument);
	bool global = str_starts(word, "--root") || str_starts(word, "--config");

	if (what == ':')
		return err_set(err, ERR_USAGE, "option '%s' needs a value", word);
	if (global)
		return err_set(err, ERR_USAGE, "option '%s' goes before the command: slipway %s ... local", word, word);
	return err_set(err, ERR_USAGE, "option '%s' is not known, is ambiguous or takes no value", word);
}

static void take_value(struct local_options *o, int option, const char *value)
{
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (values[i].option == option)
			*(const char **)((char *)o + values[i].offset) = value;
}

/* One SOURCE may stand without an option, as in every other command; the reference has no such word. */
static int take_source(int argc, char *const *argv, bool compatible, struct local_options *o, struct err *err)
{
	if (optind == argc)
		return 0;

	AUTO_FREE char *word = plain_path(argv[compatible ? optind : argc - 1]);

	if (compatible || optind + 1 < argc)
		return err_set(err, ERR_USAGE, "'%s' is one argument too many", word);
	if (o->location)
		return err_set(err, ERR_USAGE, "'%s' and --bundle-location both say what to deploy: give one of them",
			       word);
	o->location = argv[optind];
	return 0;
}

int local_options_read(int argc, char *const *argv, bool compatible, struct local_options *out, struct err *err)
{
	AUTO_FREE char **words = xcalloc((size_t)argc + 1, sizeof(*words)); /* getopt moves them about */
	struct local_options o = { 0 };
	int option;

	memcpy(words, argv, (size_t)argc * sizeof(*words));
	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, words, short_options, long_options, NULL)) != -1) {
		if (option == '?' || option == ':')
			return complain(option,
					optopt > 0 && optopt < 256 && !str_starts(words[optind - 1], "--") ? optopt : 0,
					words[optind - 1], err);
		o.json |= option == OPTION_JSON;
		o.help |= option == 'h';
		o.version |= option == 'v' || option == 'V';
		take_value(&o, option, optarg);
	}
	if (take_source(argc, words, compatible, &o, err) < 0)
		return -1;
	*out = o;
	return 0;
}

static const char *const types[] = { "tgz", "tar", "zip", "directory", "tar.zst" }; /* the last one is ours alone */

static int check_type(const char *type, bool compatible, struct err *err)
{
	size_t count = ARRAY_LEN(types) - (compatible ? 1 : 0);
	AUTO_FREE char *shown = type ? plain_path(type) : NULL;

	for (size_t i = 0; type && i < count; i++)
		if (!strcmp(type, types[i]))
			return 0;
	if (!type)
		return 0;
	return err_set(err, ERR_USAGE, "type %s is not a valid type. Must be one of tgz,tar,zip,directory%s", shown,
		       compatible ? "" : ",tar.zst");
}

/* Names of the deployment root that are no groups. */
static const char *const reserved_groups[] = { ".", "..", "deployment-instructions", "deployment-logs",
					       "ongoing-deployment" };

static int check_group(const char *group, struct err *err)
{
	AUTO_FREE char *shown = plain_path(group);
	bool bad = !*group || strlen(group) > NAME_MAX || strchr(group, '/') || strcmp(shown, group);

	for (size_t i = 0; i < ARRAY_LEN(reserved_groups); i++)
		bad = bad || !strcmp(group, reserved_groups[i]);
	if (!bad)
		return 0;
	return err_set(err, ERR_USAGE,
		       "deployment group '%s' cannot be the name of a folder of its own: use letters, "
		       "digits, '-' and '_'",
		       shown);
}

/* The reference takes any word and fails when a file collides; we say so at once, unless we stand in for it. */
static int check_behavior(const char *behavior, bool compatible, char **out, struct err *err)
{
	AUTO_FREE char *upper = xstrdup(behavior);

	for (char *p = upper; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	if (!compatible && strcmp(upper, "DISALLOW") && strcmp(upper, "OVERWRITE") && strcmp(upper, "RETAIN")) {
		AUTO_FREE char *shown = plain_path(behavior);

		return err_set(err, ERR_USAGE,
			       "file-exists-behavior %s is not valid. Must be one of DISALLOW,OVERWRITE,RETAIN", shown);
	}
	*out = TAKE_PTR(upper);
	return 0;
}

static int check_on_failure(const char *policy, bool compatible, enum on_failure *out, struct err *err)
{
	*out = compatible ? ON_FAILURE_NONE : ON_FAILURE_RESTORE;
	if (!policy)
		return 0;

	AUTO_FREE char *shown = plain_path(policy);

	if (compatible)
		return err_set(err, ERR_USAGE, "codedeploy-local restores nothing: use slipway local --on-failure %s",
			       shown);
	if (on_failure_from_name(policy, out) < 0)
		return err_set(err, ERR_USAGE, "on-failure %s is not valid. Must be one of restore,none", shown);
	return *out == ON_FAILURE_REDEPLOY ? err_set(err, ERR_USAGE,
						     "on-failure redeploy needs the daemon, which knows the good "
						     "revisions and deploys one of "
						     "them again: use slipway deploy, or --on-failure restore")
					   : 0;
}

/* An empty value counts as none in the reference, too: what it must have is asked for in this order. */
static int check_present(const struct local_options *o, struct err *err)
{
	const struct {
		const char *value, *name;
	} needed[] = {
		{ o->group, "DeploymentGroupId" },
		{ o->group_name, "DeploymentGroupName" },
		{ o->application, "ApplicationName" },
	};

	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (needed[i].value && !*needed[i].value)
			return err_set(err, ERR_USAGE, "Deployment Spec has no %s", needed[i].name);
	return 0;
}

static int check_plan(const char *id, bool compatible, struct err *err)
{
	AUTO_FREE char *shown = id ? plain_path(id) : NULL;

	if (id && compatible)
		return err_set(err, ERR_USAGE, "codedeploy-local knows no plan: use slipway local --plan %s", shown);
	return !id || name_is_plan_id(id) ? 0 : err_set(err, ERR_USAGE, "plan '%s' " NAME_PLAN_ID_RULE, shown);
}

static int check_events(const char *events, char ***out, struct err *err)
{
	AUTO_FREE char *shown = plain_path(events);

	if (strcmp(shown, events))
		return err_set(err, ERR_USAGE, "events '%s' hold characters that no event name has", shown);
	return event_order_parse(events, out, err);
}

static char *login_name(uid_t uid)
{
	struct passwd *p = getpwuid(uid);

	return p ? xstrdup(p->pw_name) : NULL;
}

/* What needs no check. The reference's default for the application is the location. */
static void fill(const struct local_options *o, bool compatible, struct deployment *d)
{
	d->id = deployment_id_new("-local");
	d->application = xstrdup(o->application ? o->application : d->revision.location);
	d->group = xstrdup(o->group ? o->group : "default-local-deployment-group");
	d->group_name = xstrdup(o->group_name ? o->group_name : "LocalFleet");
	d->creator = xstrdup("user");
	d->type = xstrdup("IN_PLACE");
	d->requested_by_uid = getuid();
	d->requested_by_login = login_name(getuid());
	d->appspec_filename = o->appspec_filename ? xstrdup(o->appspec_filename) : NULL;
	d->plan_id = o->plan_id ? xstrdup(o->plan_id) : NULL;
	d->compatible = compatible;
	d->force = true; /* as the reference: what runs already is deployed again */
}

/* What the reference fetches it asks for last. */
static int check_source_and_events(const struct local_options *o, bool compatible, const char *type,
				   struct deployment *d, struct err *err)
{
	bool remote = local_source_is_remote(o->location);

	if (!remote && local_source_check(o->location, type, o->appspec_filename, &d->revision, err) < 0)
		return -1;
	if (o->events && check_events(o->events, &d->events, err) < 0)
		return -1;
	if (!remote)
		return 0;
	if (compatible && local_source_check_remote(o->location, err) < 0)
		return -1;
	return local_source_check(o->location, type, o->appspec_filename, &d->revision, err);
}

int local_options_check(const struct local_options *o, bool compatible, struct deployment *out, struct err *err)
{
	AUTO(deployment_done) struct deployment d = { 0 };
	const char *type = o->type ? o->type : compatible ? "directory" : NULL;

	if (check_type(type, compatible, err) < 0 || check_source_and_events(o, compatible, type, &d, err) < 0 ||
	    check_on_failure(o->on_failure, compatible, &d.on_failure, err) < 0 ||
	    check_plan(o->plan_id, compatible, err) < 0 || (compatible && check_present(o, err) < 0) ||
	    (o->group && check_group(o->group, err) < 0) ||
	    (o->file_exists_behavior &&
	     check_behavior(o->file_exists_behavior, compatible, &d.file_exists_behavior, err) < 0))
		return -1;
	fill(o, compatible, &d);
	*out = d;
	d = (struct deployment){ 0 };
	return 0;
}
