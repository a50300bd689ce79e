/* format/yaml.h - a YAML document as a tree that knows where each of its nodes was written.
 *
 * libyaml does the reading; this builds the tree and says what a scalar is by the rules of YAML 1.1 as Ruby's Psych has
 * them (spec/codedeploy-agent.md section 5.2), because appspecs were written against those: `0755` is an octal number,
 * `yes` a boolean, `1:30` is 5400. The text of every scalar is kept as it was written beside that.
 * Aliases are shared nodes, merge keys ("<<") are expanded, both within limits. A byte order mark is skipped. Only the
 * first document is read. Dates and unknown tags are text. A NUL inside a scalar is an error: strings here end at one.
 * The functions are called yml_, since yaml_ is libyaml's.
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>

#define YML_MAX_DEPTH	 64    /* levels, through aliases too */
#define YML_MAX_EXPANDED 10000 /* nodes that aliases and merge keys add */
#define YML_MAX_ANCHORS	 1000  /* each alias is looked for among them */

struct yml_place {
	unsigned line, column; /* from 1, columns in characters; 0: of the document as a whole */
};

enum yml_type { YML_NULL, YML_BOOL, YML_INT, YML_FLOAT, YML_TEXT, YML_LIST, YML_MAP, YML_TYPE_COUNT };
const char *yml_type_name(enum yml_type type); /* with its article: "a list", "a number" */

struct yml_node {
	enum yml_type type;
	struct yml_place place;
	const char *text; /* of a scalar: as written, without quotes, UTF-8; else "" */
	size_t len;
	bool truth;	/* YML_BOOL */
	bool is_date;	/* a YML_TEXT without quotes that YAML 1.1 takes for a date, */
	bool is_time;	/* or for a date with a time */
	double number;	/* YML_INT, YML_FLOAT */
	size_t count;	/* items of a list, pairs of a map */
	size_t weight;	/* nodes of this tree with every alias written out, itself included */
	unsigned depth; /* levels of this tree, itself included */
	union {
		struct yml_node **items;
		struct yml_pair *pairs; /* no text key twice: the last one counted */
	};
};

struct yml_pair {
	struct yml_node *key, *value;
};

/* Something that is read, but perhaps not as meant: a key that stands twice, a second document, an unknown tag. */
struct yml_note {
	struct yml_place place;
	const char *message;
};

struct yml_doc {
	struct yml_node *root; /* NULL: the document is empty */
	struct yml_note *notes;
	size_t note_count;
	struct arena *arena; /* owns all of the above */
};

/* Read LEN bytes at TEXT. ERR_CONFIG: no YAML or over a limit; then WHERE has the place, ERR the reason without it. On
 * success OUT is the caller's: yml_free(). */
int yml_load(const char *text, size_t len, struct yml_doc **out, struct yml_place *where, struct err *err);
void yml_free(struct yml_doc *doc);
void yml_freep(struct yml_doc **doc);

/* The value of KEY in MAP; NULL when MAP is no map or has no such key. */
const struct yml_node *yml_get(const struct yml_node *map, const char *key);
bool yml_is_scalar(const struct yml_node *node);
