/* worker/bundle_digest.h - is this the bundle that was asked for, and is it the one that runs already?
 *
 * A digest is written "sha256:" and 64 hexadecimal digits. Only an archive has one.
 */
#pragma once

#include "model/deployment.h"

#include <stdatomic.h>

#define BUNDLE_DIGEST_SIZE 72 /* with its NUL */

/* That of the last successful deployment in FOLDER (NULL: there is none), if it succeeded to its very end. The caller
 * frees it; NULL: not known. */
char *bundle_digest_of(const char *folder);

/* Hash the bundle of D and compare it with what D asks for. 1: OUT has its digest; 0: it is a folder. ERR_DIGEST: it is
 * another one, or a digest was asked for of a folder. ERR_STOPPED. */
int bundle_digest_check(const struct deployment *d, const atomic_bool *stop, char out[BUNDLE_DIGEST_SIZE],
			struct err *err);
