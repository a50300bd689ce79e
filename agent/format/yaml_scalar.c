/* format/yaml_scalar.c - booleans, numbers and nothing among plain scalars.
 *
 * The patterns are those of Psych 4 (lib/psych/scalar_scanner.rb), which differ from the YAML 1.1 types at the edges:
 * `y` is text, `1e3` is text, a comma may stand in a number, sexagesimals are multiplied as below.
 */
#include "format/yaml_scalar.h"

#include "util/auto.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 128 /* no value a person writes is longer; what is, is text */

static const struct {
	const char *pattern;
	int flags;
	enum yml_type type; /* YML_TEXT: of a date */
} rules[SCALAR_RULE_COUNT] = {
	{ "^(~|null)?$", REG_ICASE, YML_NULL },
	{ "^(yes|no|true|false|on|off)$", REG_ICASE, YML_BOOL },
	{ "^[-+]?(0|[1-9]([_,]?[0-9])*|0[0-7_,]+|0b[01_,]+|0x[0-9a-fA-F_,]+)$", 0, YML_INT },
	{ "^[-+]?([0-9][0-9_,]*\\.[0-9]*|\\.[0-9]+)([eE][-+][0-9]+)?$", 0, YML_FLOAT },
	{ "^[-+]?\\.inf$|^\\.nan$", REG_ICASE, YML_FLOAT },
	{ "^[-+]?[0-9][0-9_]*(:[0-5]?[0-9]){1,2}$", 0, YML_INT },
	{ "^[-+]?[0-9][0-9_]*(:[0-5]?[0-9]){1,2}\\.[0-9_]*$", 0, YML_FLOAT },
	{ "^[0-9]{4}-(1[012]|0?[0-9])-([12][0-9]|3[01]|0?[0-9])$", 0, YML_TEXT },
	{ "^-?[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[[:space:]]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\\.[0-9]*)?"
	  "([[:space:]]*(Z|[-+][0-9]{1,2}:?([0-9]{2})?))?$",
	  0, YML_TEXT },
};

void scalar_rules_init(struct scalar_rules *r)
{
	for (size_t i = 0; i < SCALAR_RULE_COUNT; i++) {
		int failed = regcomp(&r->compiled[i], rules[i].pattern, rules[i].flags | REG_EXTENDED | REG_NOSUB);

		assert(!failed);
		(void)failed;
	}
}

void scalar_rules_done(struct scalar_rules *r)
{
	for (size_t i = 0; i < SCALAR_RULE_COUNT; i++)
		regfree(&r->compiled[i]);
}

/* 1:30 is 5400 and 1:2:3 is 3723: the first part always counts hours. */
static double sexagesimal(const char *s)
{
	static const double units[] = { 3600, 60, 1 };
	double sum = 0;

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		char *end;

		sum += strtod(s, &end) * units[i];
		if (*end != ':')
			break;
		s = end + 1;
	}
	return sum;
}

static double whole(const char *s)
{
	double sign = *s == '-' ? -1 : 1;

	if (*s == '-' || *s == '+')
		s++;
	if (*s != '0' || !s[1])
		return sign * strtod(s, NULL);
	if (s[1] == 'b')
		return sign * (double)strtoull(s + 2, NULL, 2);
	if (s[1] == 'x')
		return sign * (double)strtoull(s + 2, NULL, 16);
	return sign * (double)strtoull(s, NULL, 8);
}

static double value_of(const char *text, enum yml_type type)
{
	char digits[LONGEST];
	size_t n = 0;

	for (; *text; text++)
		if (*text != '_' && *text != ',')
			digits[n++] = *text;
	digits[n] = '\0';
	if (strchr(digits, ':'))
		return sexagesimal(digits);
	if (strcasestr(digits, ".inf"))
		return *digits == '-' ? -INFINITY : INFINITY;
	if (strcasestr(digits, ".nan"))
		return NAN;
	return type == YML_INT ? whole(digits) : strtod(digits, NULL);
}

void scalar_resolve(const struct scalar_rules *r, struct yml_node *n)
{
	n->type = YML_TEXT;
	if (n->len >= LONGEST || strchr(n->text, '\n'))
		return;
	for (size_t i = 0; i < SCALAR_RULE_COUNT; i++) {
		if (regexec(&r->compiled[i], n->text, 0, NULL, 0))
			continue;
		n->type = rules[i].type;
		if (n->type == YML_TEXT) {
			n->is_time = strchr(n->text, ':');
			n->is_date = !n->is_time;
		} else if (n->type == YML_BOOL)
			n->truth = strchr("yYtT", n->text[0]) || !strcasecmp(n->text, "on");
		else if (n->type != YML_NULL)
			n->number = value_of(n->text, n->type);
		return;
	}
}

bool scalar_tag_is_known(const char *tag)
{
	static const char *const known[] = { "!",
					     "tag:yaml.org,2002:str",
					     "tag:yaml.org,2002:int",
					     "tag:yaml.org,2002:float",
					     "tag:yaml.org,2002:bool",
					     "tag:yaml.org,2002:null",
					     "tag:yaml.org,2002:seq",
					     "tag:yaml.org,2002:map" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(tag, known[i]))
			return true;
	return false;
}

bool scalar_tag_asks_for_text(const char *tag)
{
	return tag && (!strcmp(tag, "!") || !strcmp(tag, "tag:yaml.org,2002:str"));
}
