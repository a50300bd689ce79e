/* installer/context_rule.c - words for semanage. */
#include "installer/context_rule.h"

#include "util/auto.h"
#include "util/str.h"

#include <limits.h>
#include <string.h>

#define RULE_MAX (64 * 1024)	/* a range of all categories has some kilobytes */
#define SPEC_MAX (6 * PATH_MAX) /* "[\x0a]" for each byte */

char *context_text(const struct appspec_context *c)
{
	return c ? xasprintf("%s:%s:%s", c->user ? c->user : "", c->type, c->range ? c->range : "") : xstrdup("");
}

/* What a byte of a path looks like in a regular expression. A class is understood as such by every libselinux; of
 * backslashes before letters and digits some take it that they stand for a plain character. */
static int add_byte(struct str *out, unsigned char c)
{
	if (c <= ' ' || c == 0x7f || c == '"' || c == '\'')
		return str_printf(out, "[\\x%02x]", c);
	if (strchr(".^$?*+|[](){}\\", c))
		return str_printf(out, "\\%c", c);
	return str_append(out, &c, 1);
}

char *context_spec(const char *path)
{
	struct str out = STR_INIT(SPEC_MAX);

	for (const char *c = path; *c; c++)
		if (add_byte(&out, (unsigned char)*c) < 0)
			break; /* longer than any path: such a rule matches nothing */
	return str_take(&out);
}

static void add_removal(struct str *out, const char *spec)
{
	(void)str_printf(out, "fcontext -d %s\n", spec); /* fits: rules and paths have limits of their own */
}

static void add_addition(struct str *out, const char *rule, const char *spec)
{
	AUTO_FREE char *user = xstrdup(rule);
	char *type = user + strcspn(user, ":");

	char *range = *type ? strchr(type + 1, ':') : NULL;

	if (!range)
		return; /* none, or another agent's that is not known */
	*type++ = *range++ = '\0';
	(void)str_printf(out, "fcontext -a %s%s%s-t %s%s%s %s\n", *user ? "-s " : "", user, *user ? " " : "", type,
			 *range ? " -r " : "", range, spec);
}

char *context_lines(const struct step_label *l, bool back)
{
	AUTO_FREE char *spec = context_spec(l->path);
	const char *before_spec = l->flags & LABEL_FOREIGN ? l->path : spec;
	struct str out = STR_INIT(4 * SPEC_MAX + RULE_MAX);

	if (!strcmp(l->before, l->after) && !(l->flags & LABEL_FOREIGN))
		return str_take(&out);
	if (back ? *l->after : *l->before)
		add_removal(&out, spec); /* a record of the other agent's may be one that we wrote for it */
	if (!back && *l->before && strcmp(before_spec, spec) != 0)
		add_removal(&out, before_spec);
	if (back)
		add_addition(&out, l->before, before_spec);
	else
		add_addition(&out, l->after, spec);
	return str_take(&out);
}

bool context_needs_force(const char *rule)
{
	return *rule && strcmp(rule, CONTEXT_UNKNOWN) && (rule[0] != ':' || rule[strlen(rule) - 1] != ':');
}
