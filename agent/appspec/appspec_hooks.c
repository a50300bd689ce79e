/* appspec/appspec_hooks.c - 'hooks': events and their scripts. */
#include "appspec/reading.h"
#include "appspec/ready_hook.h"
#include "util/str.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#define DEFAULT_TIMEOUT_S 3600

/* As Ruby's String#to_i: blanks, a sign, then digits that single underscores may part; what follows does not count.
 * *END: the first character that does not. */
static double leading_number(const char *s, const char **end)
{
	s += strspn(s, " \t\n\v\f\r");

	double sign = *s == '-' ? -1 : 1, sum = 0;

	if (*s == '-' || *s == '+')
		s++;
	while (isdigit((unsigned char)*s)) {
		sum = sum * 10 + (*s++ - '0');
		if (*s == '_' && isdigit((unsigned char)s[1]))
			s++;
	}
	*end = s;
	return sign * sum;
}

/* Seconds that are not those a reader would think of. */
static void warn_of_odd_timeout(struct reading *r, const struct yml_node *n, int seconds, const char *rest)
{
	if (n->type == YML_TEXT && rest[strspn(rest, " \t\n\v\f\r")])
		reading_warning(r, n, "the timeout '%s' is read as %d seconds: write a whole number of seconds",
				reading_shown(r, n), seconds);
	else if (n->type != YML_TEXT && (n->number != seconds || strpbrk(n->text, ":xb") ||
					 (n->text[0] == '0' && n->type == YML_INT && n->len > 1)))
		reading_warning(r, n, "the timeout %s is read as %d seconds: write a whole number of seconds",
				reading_shown(r, n), seconds);
}

static int read_timeout(struct reading *r, const struct yml_node *n)
{
	const char *rest = "";
	double seconds = 0;

	if (reading_is_absent(n))
		return DEFAULT_TIMEOUT_S;
	if (n->type == YML_INT || n->type == YML_FLOAT)
		seconds = isfinite(n->number) ? trunc(n->number) : 0;
	else if (n->type == YML_TEXT)
		seconds = leading_number(n->text, &rest);
	if (seconds <= 0) {
		reading_error(r, n,
			      APPSPEC_FAILED "an invalid timeout value was provided for a script in the application "
					     "specification file. Make corrections in the hooks section of the AppSpec "
					     "file, and then try again.");
		return DEFAULT_TIMEOUT_S;
	}

	int whole = seconds > INT_MAX ? INT_MAX : (int)seconds;

	warn_of_odd_timeout(r, n, whole, rest);
	return whole;
}

/* A hook of the agent's own instead of a script. True: it is none, and there is a location to read. */
static bool read_ready_made(struct reading *r, const struct yml_node *n, struct appspec_script *out)
{
	const struct yml_node *use = yml_get(n, "use"), *with = yml_get(n, "with"), *location = yml_get(n, "location");

	out->location = "";
	if (!use && with)
		reading_error(r, with,
			      "'with' holds the arguments of a ready-made hook, and there is no 'use' that names one");
	if (!use)
		return true;
	if (location)
		reading_error(r, location, "a script has either 'location' or 'use', and this one has both");
	ready_hook_read(r, n, &out->use, &out->with);
	if (out->use)
		out->location = arena_printf(r->arena, "use: %s", out->use);
	return false;
}

static void read_location(struct reading *r, const struct yml_node *n, struct appspec_script *out)
{
	const struct yml_node *location = yml_get(n, "location");

	out->location = reading_is_null(location) ? "" : reading_trimmed(r, location, "location");
	if (!*out->location && (!location || yml_is_scalar(location)))
		reading_error(r, location ? location : n,
			      APPSPEC_FAILED
			      "the application specification file specifies a script with no location "
			      "value. Specify the location in the hooks section of the AppSpec file, and "
			      "then try again.");
	reading_check_inside(r, location, "location", out->location);
}

static void read_script(struct reading *r, const struct yml_node *n, enum reading_level level,
			struct appspec_script *out)
{
	const struct yml_node *runas = yml_get(n, "runas");

	out->place = reading_place(n);
	if (n->type != YML_MAP) {
		reading_error(r, n,
			      "a script of a hook must be a mapping with 'location', not %s: write '- location: %s'",
			      yml_type_name(n->type), yml_is_scalar(n) ? reading_shown(r, n) : "...");
		return;
	}
	reading_check_keys(r, n, level);
	out->own = level == LEVEL_OWN_SCRIPT;
	if (!out->own || read_ready_made(r, n, out))
		read_location(r, n, out);
	if (!reading_is_null(runas)) {
		out->runas = reading_trimmed(r, runas, "runas");
		if (!*out->runas && yml_is_scalar(runas))
			reading_warning(r, runas,
					"'runas' is blank, and the script cannot be run as nobody in particular: "
					"name a user or leave it out");
	}
	out->sudo = !reading_is_absent(yml_get(n, "sudo"));
	if (out->sudo && yml_get(n, "sudo")->type != YML_BOOL)
		reading_warning(r, yml_get(n, "sudo"),
				"'sudo: %s' counts as true, as anything does but false: write true or false",
				reading_shown(r, yml_get(n, "sudo")));
	out->timeout_s = read_timeout(r, yml_get(n, "timeout"));
}

static void read_hook(struct reading *r, const struct yml_pair *pair, enum reading_level level,
		      struct appspec_hook *out)
{
	const struct yml_node *list = reading_list(r, pair->value, out->event);

	out->scripts = arena_alloc(r->arena, list->count * sizeof(*out->scripts));
	out->script_count = list->count;
	for (size_t i = 0; i < list->count; i++)
		read_script(r, list->items[i], level, &out->scripts[i]);
}

/* Put HOOK behind what its event has: among the first COUNT hooks, or as a new one. */
static void add_hook(struct reading *r, const struct appspec_hook *hook, size_t count)
{
	struct appspec_hook *have = r->out->hooks, *end = have + count;

	while (have < end && strcmp(have->event, hook->event) != 0)
		have++;
	if (have == end) {
		r->out->hooks[r->out->hook_count++] = *hook;
		return;
	}

	size_t size = sizeof(*hook->scripts), total = have->script_count + hook->script_count;
	struct appspec_script *scripts = arena_alloc(r->arena, total * size);

	memcpy(scripts, have->scripts, have->script_count * size);
	memcpy(scripts + have->script_count, hook->scripts, hook->script_count * size);
	have->scripts = scripts;
	have->script_count = total;
}

void appspec_read_hooks(struct reading *r, const struct yml_node *n, enum reading_level level)
{
	size_t count = r->out->hook_count;

	if (n->type != YML_MAP) {
		reading_error(r, n, "'hooks' must be a mapping of lifecycle events to lists of scripts, not %s",
			      yml_type_name(n->type));
		return;
	}

	struct appspec_hook *hooks = arena_alloc(r->arena, (count + n->count) * sizeof(*hooks));

	if (count)
		memcpy(hooks, r->out->hooks, count * sizeof(*hooks));
	r->out->hooks = hooks;
	for (size_t i = 0; i < n->count; i++) {
		const struct yml_pair *pair = &n->pairs[i];
		struct appspec_hook hook = { 0 };

		if (reading_is_null(pair->value))
			continue; /* an event without scripts, as in the reference */
		hook.event = reading_text(r, pair->key, "hooks");
		hook.place = reading_place(pair->key);
		read_hook(r, pair, level, &hook);
		add_hook(r, &hook, count);
	}
}
