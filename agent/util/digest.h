/* util/digest.h - SHA-256 by libcrypto, one context for many messages.
 *
 * A context is used by one thread at a time. Start, update as often as needed, finish; then start again. SHA-256
 * cannot fail but for want of memory, and then the process aborts as it does for any memory.
 */
#pragma once

#include <stddef.h>

#define DIGEST_BYTES	32
#define DIGEST_HEX_SIZE 65 /* 64 digits and the NUL */

struct digest;

struct digest *digest_new(void);
void digest_free(struct digest *d); /* NULL is fine */
void digest_start(struct digest *d);
void digest_update(struct digest *d, const void *bytes, size_t len);
void digest_finish(struct digest *d, unsigned char out[DIGEST_BYTES]);
void digest_hex(const unsigned char digest[DIGEST_BYTES], char out[DIGEST_HEX_SIZE]); /* lower case */

static inline void digest_freep(struct digest **d)
{
	digest_free(*d);
}
