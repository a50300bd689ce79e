/* cli/client_options.c - one table of options, read for whichever command takes them. */
#include "cli/client_options.h"
#include "format/plain.h"
#include "model/names.h"
#include "util/auto.h"
#include "util/str.h"

#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#define FIRST_LONG 256 /* the value of the first option of the table */
#define MAX_LIMIT  100000

static int take_flag(const char *name, const char *value, void *slot, struct err *err);
static int take_text(const char *name, const char *value, void *slot, struct err *err);
static int take_seconds(const char *name, const char *value, void *slot, struct err *err);
static int take_limit(const char *name, const char *value, void *slot, struct err *err);
static int take_item(const char *name, const char *value, void *slot, struct err *err);

#define AT(member) offsetof(struct client_options, member)

static const struct known {
	const char *name;
	char letter; /* 0: none */
	int (*take)(const char *name, const char *value, void *slot, struct err *err);
	size_t offset;
	size_t given; /* a flag beside it that is set, too; 0: none */
} table[] = {
	{ "json", 0, take_flag, AT(json), 0 },
	{ "help", 'h', take_flag, AT(help), 0 },
	{ "latest", 0, take_flag, AT(latest), 0 },
	{ "detach", 0, take_flag, AT(detach), 0 },
	{ "force", 0, take_flag, AT(force), 0 },
	{ "dry-run", 0, take_flag, AT(dry_run), 0 },
	{ "follow", 'f', take_flag, AT(follow), 0 },
	{ "raw", 0, take_flag, AT(raw), 0 },
	{ "diff", 0, take_flag, AT(diff), 0 },
	{ "detailed-exitcode", 0, take_flag, AT(detailed_exitcode), 0 },
	{ "verbose", 'v', take_flag, AT(verbose), 0 },
	{ "keep", 0, take_flag, AT(keep), 0 },
	{ "fail-at", 0, take_text, AT(fail_at), 0 },
	{ "application", 'a', take_text, AT(application), 0 },
	{ "group", 'g', take_text, AT(group), 0 },
	{ "file-exists-behavior", 'b', take_text, AT(file_exists_behavior), 0 },
	{ "events", 'e', take_text, AT(events), 0 },
	{ "digest", 0, take_text, AT(digest), 0 },
	{ "plan", 0, take_text, AT(plan_id), 0 },
	{ "on-failure", 0, take_text, AT(on_failure), 0 },
	{ "requested-by", 0, take_text, AT(requested_by), 0 },
	{ "token", 0, take_text, AT(token), 0 },
	{ "appspec-filename", 'A', take_text, AT(appspec_filename), 0 },
	{ "type", 't', take_text, AT(type), 0 },
	{ "env", 0, take_item, AT(environment), 0 },
	{ "deadline", 0, take_seconds, AT(deadline_s), AT(has_deadline) },
	{ "timeout", 0, take_seconds, AT(timeout_s), AT(has_timeout) },
	{ "limit", 'n', take_limit, AT(limit), 0 },
};

static int take_flag(const char *name, const char *value, void *slot, struct err *err)
{
	(void)name, (void)value, (void)err;
	*(bool *)slot = true;
	return 0;
}

static int take_text(const char *name, const char *value, void *slot, struct err *err)
{
	if (!*value)
		return err_set(err, ERR_USAGE, "--%s needs a value", name);
	*(const char **)slot = value;
	return 0;
}

static int take_item(const char *name, const char *value, void *slot, struct err *err)
{
	char ***list = slot;
	size_t n = 0;

	if (!strchr(value, '=') || *value == '=') {
		AUTO_FREE char *shown = plain_path(value);

		return err_set(err, ERR_USAGE, "--%s '%s' is not of the form NAME=VALUE", name, shown);
	}
	if (name_is_reserved(value, strcspn(value, "=")))
		return err_set(err, ERR_USAGE, "--%s: the variable '%.*s' " NAME_RESERVED_RULE, name,
			       (int)strcspn(value, "="), value);
	while (*list && (*list)[n])
		n++;
	*list = xrealloc(*list, (n + 2) * sizeof(**list));
	(*list)[n] = (char *)value;
	(*list)[n + 1] = NULL;
	return 0;
}

/* A whole number up to MAX and what stands after it. -1: none. */
static int64_t number(const char *text, int64_t max, const char **rest)
{
	int64_t n = 0;

	if (!isdigit((unsigned char)*text))
		return -1;
	for (; isdigit((unsigned char)*text); text++) {
		n = n * 10 + (*text - '0');
		if (n > max)
			return -1;
	}
	*rest = text;
	return n;
}

static int take_seconds(const char *name, const char *value, void *slot, struct err *err)
{
	static const struct {
		const char *unit;
		int64_t seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	const char *rest = "";
	int64_t n = number(value, INT_MAX, &rest);

	for (size_t i = 0; n >= 0 && i < ARRAY_LEN(units); i++)
		if (!strcmp(rest, units[i].unit) && n * units[i].seconds <= INT_MAX) {
			*(unsigned *)slot = (unsigned)(n * units[i].seconds);
			return 0;
		}

	AUTO_FREE char *shown = plain_path(value);

	return err_set(err, ERR_USAGE, "--%s '%s' is no time: write seconds, or e.g. '90s', '10m' or '1h'", name,
		       shown);
}

static int take_limit(const char *name, const char *value, void *slot, struct err *err)
{
	const char *rest = "";
	int64_t n = number(value, MAX_LIMIT, &rest);

	if (n < 1 || *rest) {
		AUTO_FREE char *shown = plain_path(value);

		return err_set(err, ERR_USAGE, "--%s '%s' is not a whole number from 1 to %d", name, shown, MAX_LIMIT);
	}
	*(unsigned *)slot = (unsigned)n;
	return 0;
}

/* Is NAME among the words of LIST? Every command has help. */
static bool is_taken(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; (p = strstr(p, name)); p += len)
		if ((p == list || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
			return true;
	return !strcmp(name, "help");
}

/* What getopt wants to know of the options that SPEC takes. */
static void describe(const struct command_spec *spec, struct option *longs, char *letters)
{
	*letters++ = ':';
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		bool flag = table[i].take == take_flag;

		if (!is_taken(spec->options, table[i].name))
			continue;
		*longs++ = (struct option){ table[i].name, flag ? no_argument : required_argument, NULL,
					    FIRST_LONG + (int)i };
		if (!table[i].letter)
			continue;
		*letters++ = table[i].letter;
		if (!flag)
			*letters++ = ':';
	}
	*longs = (struct option){ 0 };
	*letters = '\0';
}

static int complain(const struct command_spec *spec, int what, const char *word, struct err *err)
{
	AUTO_FREE char *shown = optopt > 0 && optopt < FIRST_LONG && !str_starts(word, "--") ? xasprintf("-%c", optopt)
											     : plain_path(word);

	if (what == ':')
		return err_set(err, ERR_USAGE, "option '%s' needs a value", shown);
	if (str_starts(shown, "--root") || str_starts(shown, "--config"))
		return err_set(err, ERR_USAGE, "option '%s' goes before the command: slipway %s ... %s", shown, shown,
			       spec->name);
	return err_set(err, ERR_USAGE,
		       "option '%s' is not known, is ambiguous or takes no value: see 'slipway %s --help'", shown,
		       spec->name);
}

static int take(int option, const char *value, struct client_options *o, struct err *err)
{
	const struct known *k = NULL;

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (option == FIRST_LONG + (int)i || option == table[i].letter)
			k = &table[i];
	if (!k)
		return 0; /* getopt knows no others */
	if (k->given)
		*(bool *)((char *)o + k->given) = true;
	return k->take(k->name, value, (char *)o + k->offset, err);
}

static int take_words(const struct command_spec *spec, int count, char **words, struct client_options *o,
		      struct err *err)
{
	AUTO_FREE char *extra = count ? plain_path(words[count - 1]) : NULL;
	const char *what = spec->word_name;

	if (spec->word == WORD_ANY) {
		o->words = xcalloc((size_t)count + 1, sizeof(*o->words));
		memcpy(o->words, words, (size_t)count * sizeof(*words));
		return 0;
	}
	if (count > (spec->word == WORD_NONE ? 0 : 1))
		return err_set(err, ERR_USAGE, "'%s' is one argument too many: see 'slipway %s --help'", extra,
			       spec->name);
	o->word = count ? words[0] : NULL;
	if (o->word && !*o->word)
		return err_set(err, ERR_USAGE, "the %s is empty", what);
	if (o->word && o->latest)
		return err_set(err, ERR_USAGE, "'%s' and --latest both name a deployment: give one of them", extra);
	if (!o->word && spec->word == WORD_NEEDED)
		return err_set(err, ERR_USAGE, "name a %s: see 'slipway %s --help'", what, spec->name);
	if (!o->word && spec->word == WORD_OR_LATEST && !o->latest)
		return err_set(err, ERR_USAGE, "name a deployment, or say --latest: 'slipway list' shows them");
	return 0;
}

int client_options_read(const struct command_spec *spec, int argc, char *const *argv, struct client_options *out,
			struct err *err)
{
	AUTO_FREE char **words = xcalloc((size_t)argc + 1, sizeof(*words)); /* getopt moves them about */
	struct option longs[ARRAY_LEN(table) + 1];
	char letters[2 * ARRAY_LEN(table) + 2];
	int option;

	*out = (struct client_options){ 0 };
	memcpy(words, argv, (size_t)argc * sizeof(*words));
	describe(spec, longs, letters);
	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, words, letters, longs, NULL)) != -1) {
		if (option == '?' || option == ':')
			return complain(spec, option, words[optind - 1], err);
		if (take(option, optarg, out, err) < 0)
			return -1;
	}
	return out->help ? 0 : take_words(spec, argc - optind, words + optind, out, err);
}

void client_options_done(struct client_options *o)
{
	free(o->environment);
	free(o->words);
	*o = (struct client_options){ 0 };
}
