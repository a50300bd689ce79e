/* appspec/lint_text.c - what is plain from the document itself, before anything is made of it.
 *
 * The reader of an appspec skips an event without scripts and fills in timeouts that are not there; so these are looked
 * for where they still can be told apart. Rules: spec/codedeploy-agent.md sections 5.2 and 5.5.
 */
#include "appspec/lint.h"

#include "appspec/lint_portable.h"
#include "format/yaml.h"
#include "util/auto.h"

#include <stdlib.h>
#include <string.h>

#define EVENT_LIMIT_S 3600 /* what the CodeDeploy service gives one lifecycle event */

static struct appspec_place place_of(const struct yml_node *n)
{
	return (struct appspec_place){ n->place.line, n->place.column };
}

/* Seconds; 0: none that count, whether it is left out or refused elsewhere. */
static double written_timeout(const struct yml_node *script)
{
	const struct yml_node *n = yml_get(script, "timeout");
	double seconds = 0;

	if (n && (n->type == YML_INT || n->type == YML_FLOAT))
		seconds = n->number;
	else if (n && n->type == YML_TEXT)
		seconds = (double)strtol(n->text, NULL, 10); /* "10s" counts as 10 */
	return seconds > 0 ? seconds : 0;
}

static void check_timeouts(const struct yml_pair *event, struct findings *f)
{
	double sum = 0;

	for (size_t i = 0; i < event->value->count; i++)
		sum += written_timeout(event->value->items[i]);
	if (sum > EVENT_LIMIT_S)
		findings_add(f, FINDING_WARNING, place_of(event->key),
			     "the timeouts of '%s' add up to %.0f seconds, and CodeDeploy gives up on an event after "
			     "%d: write less",
			     event->key->text, sum, EVENT_LIMIT_S);
}

static void check_event(const struct yml_pair *event, bool own, struct findings *f)
{
	const struct yml_node *list = event->value;

	if (!yml_is_scalar(event->key))
		return; /* an error of the reader's */
	if (list->type == YML_NULL)
		findings_add(f, FINDING_WARNING, place_of(event->key),
			     "the event '%s' has no scripts: put '- location: ...' below it, or leave it out",
			     event->key->text);
	else if (list->type == YML_LIST && !list->count)
		findings_add(f, FINDING_WARNING, place_of(event->key),
			     "the event '%s' has an empty list of scripts: put one into it, or leave it out",
			     event->key->text);
	else if (list->type == YML_LIST && !own)
		check_timeouts(event, f);
}

static void check_hooks(const struct yml_node *hooks, bool own, struct findings *f)
{
	if (!hooks || hooks->type != YML_MAP)
		return;
	for (size_t i = 0; i < hooks->count; i++)
		check_event(&hooks->pairs[i], own, f);
}

void lint_text(const char *text, size_t len, bool portable, struct findings *f)
{
	AUTO(yml_freep) struct yml_doc *doc = NULL;
	struct yml_place where;
	struct err why = ERR_INIT; /* appspec_parse() tells it */

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		findings_add(f, FINDING_WARNING, (struct appspec_place){ 1, 1 },
			     "the file starts with a byte order mark, and other agents take it for a part of the first "
			     "key: save it as UTF-8 without one, or sed -i '1s/^\\xef\\xbb\\xbf//'");
	if (len > APPSPEC_MAX_BYTES || yml_load(text, len, &doc, &where, &why) < 0 || !doc->root)
		return;

	const struct yml_node *slipway = yml_get(doc->root, "slipway");

	check_hooks(yml_get(doc->root, "hooks"), false, f);
	if (slipway)
		check_hooks(yml_get(slipway, "hooks"), true, f);
	if (portable)
		lint_portable_document(doc->root, f);
}
