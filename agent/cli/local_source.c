/* cli/local_source.c - a word on the command line becomes a folder or an archive that is really there. */
#include "cli/local_source.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/str.h"

#include <ctype.h>
#include <limits.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* The length of "scheme:" at the front of LOCATION (RFC 3986 section 3.1), 0: there is none. */
static size_t scheme_length(const char *location)
{
	size_t n = strspn(location, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

	return n && isalpha((unsigned char)location[0]) && location[n] == ':' ? n : 0;
}

static bool has_scheme(const char *location, const char *scheme)
{
	return scheme_length(location) == strlen(scheme) && !strncasecmp(location, scheme, strlen(scheme));
}

static int hex_value(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

/* Characters that a URI cannot hold unescaped (RFC 3986 section 2), and escapes that are none. */
static bool is_valid_uri(const char *uri)
{
	for (const char *p = uri; *p; p++) {
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || strchr("<>\"{}|\\^`", *p))
			return false;
		if (*p == '%' && (hex_value(p[1]) < 0 || hex_value(p[2]) < 0 || (p[1] == '0' && p[2] == '0')))
			return false;
	}
	return true;
}

/* The path of file:/p, file:///p or file://localhost/p (RFC 8089); NULL: another host, or no path. */
static char *file_url_path(const char *url)
{
	const char *p = url + strlen("file:");

	if (str_starts(p, "//localhost/"))
		p += strlen("//localhost");
	else if (str_starts(p, "///"))
		p += 2;
	if (p[0] != '/' || p[1] == '/')
		return NULL;

	char *path = xstrdup(p);
	char *to = path;

	for (; *p; p++) {
		if (*p == '%') {
			*to++ = (char)(hex_value(p[1]) << 4 | hex_value(p[2]));
			p += 2;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
	return path;
}

/* What the reference fetches, and how it wants it to be written. */
static const struct {
	const char *front, *pattern, *what, *example;
} formats[] = {
	{ "s3:", "^s3://[^/?#]+/[^?#]+(\\?[^#]*)?$", "s3", "s3://bucket/key" },
	{ "https://github.com/", "^https://github\\.com/[^/?#]+/[^/?#]+$", "github", "https://github.com/owner/repo" },
	{ "https://api.github.com/", "^https://api\\.github\\.com/repos/[^/?#]+/[^/?#]+/(tarball|zipball)/[^/?#]+$",
	  "github", "https://api.github.com/repos/owner/repo/(tarball|zipball)/commit" },
};

static int unknown_location(const char *shown, struct err *err)
{
	return err_set(err, ERR_USAGE,
		       "unknown location %s cannot be determined to be S3, Github, or a local file / directory", shown);
}

static bool matches(const char *pattern, const char *text)
{
	regex_t regex;

	if (regcomp(&regex, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB))
		return false; /* no memory */

	bool found = regexec(&regex, text, 0, NULL, 0) == 0;

	regfree(&regex);
	return found;
}

int local_source_check_remote(const char *location, struct err *err)
{
	AUTO_FREE char *shown = plain_path(location);

	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		if (strncasecmp(location, formats[i].front, strlen(formats[i].front)))
			continue;
		return matches(formats[i].pattern, location)
			       ? 0
			       : err_set(err, ERR_USAGE, "%s location %s not in the expected format of '%s'",
					 formats[i].what, shown, formats[i].example);
	}
	return unknown_location(shown, err);
}

bool local_source_is_remote(const char *location)
{
	struct stat st;

	return location && scheme_length(location) && !has_scheme(location, "file") && !has_scheme(location, "http") &&
	       is_valid_uri(location) && stat(location, &st) < 0;
}

static int refuse_remote(const char *location, const char *shown, struct err *err)
{
	if (!is_valid_uri(location))
		return err_set(err, ERR_USAGE, "location %s is not a valid uri", shown);
	if (has_scheme(location, "http"))
		return err_set(err, ERR_USAGE,
			       "location %s cannot be http, only encrypted (https) url endpoints supported", shown);
	if (has_scheme(location, "s3") || has_scheme(location, "https") || has_scheme(location, "github") ||
	    str_starts(location, "git+"))
		return err_set(
			err, ERR_USAGE,
			"location %s cannot be fetched: this version deploys local folders and archives. Download it "
			"first and give its path",
			shown);
	return unknown_location(shown, err);
}

/* The path that LOCATION means. A path that is there counts as one, whatever it looks like. */
static int find_path(const char *location, const char *shown, char **out, struct stat *st, struct err *err)
{
	AUTO_FREE char *path = NULL;

	if (stat(location, st) == 0) {
		*out = xstrdup(location);
		return 0;
	}
	if (has_scheme(location, "file") && is_valid_uri(location))
		path = file_url_path(location);
	else if (scheme_length(location))
		return refuse_remote(location, shown, err);
	else
		path = xstrdup(location);
	if (!path)
		return err_set(err, ERR_USAGE, "location %s is not a valid uri", shown);
	if (stat(path, st) == 0) {
		*out = TAKE_PTR(path);
		return 0;
	}
	if (errno == ENOENT || errno == ENOTDIR)
		return err_set(err, ERR_USAGE, "location %s is specified as a file or directory which does not exist",
			       shown);
	(void)err_sys(err, "location %s cannot be read", shown);
	err->kind = ERR_USAGE;
	return -1;
}

static int check_kind(const char *shown, const char *type, mode_t mode, struct err *err)
{
	if (!S_ISDIR(mode) && !S_ISREG(mode))
		return err_set(err, ERR_USAGE, "location %s is neither a file nor a directory", shown);
	if (!type)
		return 0;
	if (!strcmp(type, "directory") && !S_ISDIR(mode))
		return err_set(err, ERR_USAGE, "location %s is specified with type directory but it is a file", shown);
	if (strcmp(type, "directory") && S_ISDIR(mode))
		return err_set(err, ERR_USAGE,
			       "location %s is specified as a compressed local file but it is a directory", shown);
	return 0;
}

static bool is_in(const char *folder, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", folder, name);

	return access(path, F_OK) == 0;
}

static int check_appspec(const char *path, const char *shown, const char *name, struct err *err)
{
	if (!name) {
		if (is_in(path, "appspec.yml") || is_in(path, "appspec.yaml"))
			return 0;
		return err_set(
			err, ERR_USAGE,
			"Expecting appspec file at location %s/appspec.yml or %s/appspec.yaml but it is not found "
			"there. "
			"Please either run the CLI from within a directory containing the appspec.yml or appspec.yaml "
			"file or specify a bundle location containing an appspec.yml or appspec.yaml file in its root "
			"directory",
			shown, shown);
	}
	if (is_in(path, name))
		return 0;

	AUTO_FREE char *file = plain_path(name);

	return err_set(
		err, ERR_USAGE,
		"Expecting appspec file at location %s/%s but it is not found there. Please either run the CLI from "
		"within a directory containing the %s file or specify a bundle location containing an %s file in its "
		"root directory",
		shown, file, file, file);
}

/* A name below the bundle: relative, and without a way up. */
static int check_appspec_name(const char *name, struct err *err)
{
	AUTO_FREE char *slashes = xasprintf("/%s/", name);
	AUTO_FREE char *shown = plain_path(name);

	if (*name && *name != '/' && !strstr(slashes, "/../"))
		return 0;
	return err_set(err, ERR_USAGE, "appspec-filename '%s' is not a name inside the bundle", shown);
}

/* What an archive is called for; its content decides when it is read. */
static const char *type_of_file(const char *path)
{
	static const struct {
		const char *suffix, *type;
	} suffixes[] = {
		{ ".zip", "zip" },
		{ ".tar", "tar" },
		{ ".tar.zst", "tar.zst" },
		{ ".tzst", "tar.zst" },
	};

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (str_ends(path, suffixes[i].suffix))
			return suffixes[i].type;
	return "tgz";
}

int local_source_check(const char *location, const char *type, const char *appspec_filename, struct revision *out,
		       struct err *err)
{
	char here[PATH_MAX], real[PATH_MAX];
	AUTO_FREE char *path = NULL;
	struct stat st;

	if (!location && !getcwd(here, sizeof(here))) {
		(void)err_sys(err, "the working directory");
		err->kind = ERR_USAGE;
		return -1;
	}
	if (!location)
		location = here;

	AUTO_FREE char *shown = plain_path(location);

	if (find_path(location, shown, &path, &st, err) < 0 || check_kind(shown, type, st.st_mode, err) < 0 ||
	    (appspec_filename && check_appspec_name(appspec_filename, err) < 0) ||
	    (S_ISDIR(st.st_mode) && check_appspec(path, shown, appspec_filename, err) < 0))
		return -1;
	if (access(path, R_OK | (S_ISDIR(st.st_mode) ? X_OK : 0)) < 0 || !realpath(path, real)) {
		(void)err_sys(err, "location %s cannot be read", shown);
		err->kind = ERR_USAGE;
		return -1;
	}
	out->type = S_ISDIR(st.st_mode) ? REVISION_LOCAL_DIRECTORY : REVISION_LOCAL_FILE;
	out->location = xstrdup(real);
	out->bundle_type = xstrdup(type ? type : S_ISDIR(st.st_mode) ? "directory" : type_of_file(real));
	return 0;
}
