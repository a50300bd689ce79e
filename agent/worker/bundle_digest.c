/* worker/bundle_digest.c - the file is read once before anything of it is unpacked. */
#include "worker/bundle_digest.h"

#include "util/auto.h"
#include "util/digest.h"
#include "util/fs.h"
#include "util/str.h"
#include "worker/group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>

#define PIECE (256 * 1024)

char *bundle_digest_of(const char *folder)
{
	AUTO(deployment_result_done) struct deployment_result r = { 0 };
	struct err ignored = ERR_INIT; /* then it is not known */
	AUTO_FD int fd = folder ? fs_open_dir(folder, &ignored) : -1;

	if (fd < 0 || !group_read_result(fd, &r) || r.status != DEPLOYMENT_SUCCEEDED)
		return NULL;
	return TAKE_PTR(r.revision_digest);
}

static int hash(const char *path, const atomic_bool *stop, unsigned char out[DIGEST_BYTES], struct err *err)
{
	AUTO(digest_freep) struct digest *d = digest_new();
	AUTO_FREE char *piece = xmalloc(PIECE);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "opening bundle '%s'", path);
	digest_start(d);
	for (;;) {
		ssize_t n = read(fd, piece, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "reading bundle '%s'", path);
		if (stop && atomic_load(stop))
			return err_set(err, ERR_STOPPED, "stopped");
		if (n == 0)
			break;
		digest_update(d, piece, (size_t)n);
	}
	digest_finish(d, out);
	return 0;
}

int bundle_digest_check(const struct deployment *d, const atomic_bool *stop, char out[BUNDLE_DIGEST_SIZE],
			struct err *err)
{
	unsigned char digest[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];

	if (d->revision.type != REVISION_LOCAL_FILE) {
		if (!d->digest)
			return 0;
		return err_set(err, ERR_DIGEST, "the digest %s was asked for, but '%s' is a folder, which has none",
			       d->digest, d->revision.location);
	}
	if (hash(d->revision.location, stop, digest, err) < 0)
		return -1;
	digest_hex(digest, hex);
	(void)snprintf(out, BUNDLE_DIGEST_SIZE, "sha256:%s", hex);
	if (d->digest && strcasecmp(d->digest, out))
		return err_set(err, ERR_DIGEST, "bundle '%s' has the digest %s, but %s was asked for",
			       d->revision.location, out, d->digest);
	return 1;
}
