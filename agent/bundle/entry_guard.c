/* bundle/entry_guard.c - judging what a bundle says, before anything is done about it. */
#include "bundle/entry_guard.h"

#include "util/str.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HOW_TO_PACK "pack it with 'tar -C FOLDER -czf BUNDLE .'"

static const uint64_t ratio_counts_from = (uint64_t)64 << 20;

struct shown guard_shown(const char *name, size_t len)
{
	struct str s = STR_INIT(16 * sizeof(struct shown));
	struct shown out;
	size_t room = sizeof(out.text) - 4;
	bool cut = len > room;

	(void)str_append_printable(&s, name, cut ? room : len); /* cannot pass 4 bytes for each */
	cut = cut || s.len > room;
	(void)snprintf(out.text, sizeof(out.text), "%.*s%s", (int)room, str_text(&s), cut ? "..." : "");
	str_done(&s);
	return out;
}

/* What is wrong with the part of LEN bytes at PART; NULL: nothing. */
static const char *part_fault(const char *part, size_t len)
{
	if (len == 2 && part[0] == '.' && part[1] == '.')
		return "leads out of the bundle by '..'; " HOW_TO_PACK;
	if (len > GUARD_PART_MAX)
		return "has a part that is longer than 255 bytes; rename it";
	return NULL;
}

static const char *name_fault(const char *name, size_t len)
{
	if (len == 0)
		return "has an empty name; " HOW_TO_PACK;
	if (memchr(name, '\0', len))
		return "has a NUL byte in its name; " HOW_TO_PACK;
	if (name[0] == '/')
		return "is an absolute path; " HOW_TO_PACK;
	if (len > GUARD_PATH_MAX)
		return "is longer than 4096 bytes; rename it";
	return NULL;
}

/* Canonical form of NAME in OUT; returns what is wrong, NULL: nothing. */
static const char *take_path(const char *name, size_t len, struct entry_path *out)
{
	const char *fault = name_fault(name, len);
	const char *end = name + len;

	out->len = out->base = out->depth = 0;
	while (!fault && name < end) {
		const char *slash = memchr(name, '/', (size_t)(end - name));
		size_t n = (size_t)((slash ? slash : end) - name);

		fault = part_fault(name, n);
		if (!fault && n && !(n == 1 && name[0] == '.')) {
			if (out->len)
				out->text[out->len++] = '/';
			out->base = out->len;
			memcpy(out->text + out->len, name, n);
			out->len += n;
			if (++out->depth > GUARD_DEPTH_MAX)
				fault = "lies more than 128 folders deep; pack a flatter tree";
		}
		name += n + (slash ? 1 : 0);
	}
	out->text[out->len] = '\0';
	return fault;
}

int guard_path(const char *name, size_t len, struct entry_path *out, struct err *err)
{
	const char *fault = take_path(name, len, out);

	return fault ? err_set(err, ERR_BUNDLE, "entry '%s' %s", guard_shown(name, len).text, fault) : 0;
}

int guard_hard_link(const char *name, size_t len, const char *target, struct entry_path *out, struct err *err)
{
	const char *fault = take_path(target, strlen(target), out);

	if (!fault && out->len == 0)
		fault = "is the bundle's own folder; a hard link needs a file";
	if (!fault)
		return 0;
	return err_set(err, ERR_BUNDLE, "entry '%s' is a hard link to '%s', which %s", guard_shown(name, len).text,
		       guard_shown(target, strlen(target)).text, fault);
}

int guard_type(const char *name, size_t len, mode_t type, struct err *err)
{
	static const struct {
		mode_t type;
		const char *what;
	} refused[] = {
		{ S_IFCHR, "a character device" },
		{ S_IFBLK, "a block device" },
		{ S_IFIFO, "a named pipe" },
		{ S_IFSOCK, "a socket" },
	};
	const char *what = "of a kind that is not known";

	if (S_ISREG(type) || S_ISDIR(type) || S_ISLNK(type))
		return 0;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (refused[i].type == type)
			what = refused[i].what;
	return err_set(err, ERR_BUNDLE, "entry '%s' is %s; a bundle holds files, folders and links only: leave it out",
		       guard_shown(name, len).text, what);
}

int guard_link_floor(const struct entry_path *path, const char *text)
{
	int depth = path->depth > 0 ? (int)path->depth - 1 : 0;
	int lowest = depth;

	if (text[0] == '/')
		return GUARD_OUTSIDE;
	while (*text) {
		size_t n = strcspn(text, "/");

		if (n == 2 && text[0] == '.' && text[1] == '.')
			depth--;
		else if (n && !(n == 1 && text[0] == '.'))
			depth++;
		if (depth < lowest)
			lowest = depth;
		text += n + (text[n] ? 1 : 0);
	}
	return lowest < 0 ? GUARD_OUTSIDE : lowest;
}

int guard_entries(uint64_t entries, uint64_t max, struct err *err)
{
	if (!max || entries <= max)
		return 0;
	return err_set(err, ERR_BUNDLE,
		       "more than %" PRIu64 " entries, the limit (limits: entries); raise it if so many are right",
		       max);
}

int guard_bytes(uint64_t bytes, uint64_t max, struct err *err)
{
	if (!max || bytes <= max)
		return 0;
	return err_set(err, ERR_BUNDLE,
		       "it unpacks to more than %" PRIu64
		       " bytes, the limit (limits: unpacked_size); raise it if that much is right",
		       max);
}

int guard_ratio(uint64_t unpacked, uint64_t packed, uint64_t max, struct err *err)
{
	if (!max || unpacked < ratio_counts_from || unpacked / max < packed ||
	    (unpacked / max == packed && unpacked % max == 0))
		return 0;
	return err_set(err, ERR_BUNDLE,
		       "it unpacks to more than %" PRIu64
		       " times its size, the limit (limits: ratio); raise it if that is right",
		       max);
}
