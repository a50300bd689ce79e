/* util/digest.c - SHA-256 by libcrypto's EVP interface. */
#include "util/digest.h"

#include "util/str.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

struct digest {
	EVP_MD *algorithm; /* fetched once: looking it up for each small file costs more than hashing it */
	EVP_MD_CTX *context;
};

static void must(int ok)
{
	if (!ok) {
		(void)fputs("slipway: libcrypto cannot compute SHA-256\n", stderr);
		abort();
	}
}

struct digest *digest_new(void)
{
	struct digest *d = xcalloc(1, sizeof(*d));

	d->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
	d->context = EVP_MD_CTX_new();
	must(d->algorithm && d->context);
	digest_start(d);
	return d;
}

void digest_free(struct digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->context);
	EVP_MD_free(d->algorithm);
	free(d);
}

void digest_start(struct digest *d)
{
	must(EVP_DigestInit_ex2(d->context, d->algorithm, NULL));
}

void digest_update(struct digest *d, const void *bytes, size_t len)
{
	must(EVP_DigestUpdate(d->context, bytes, len));
}

void digest_finish(struct digest *d, unsigned char out[DIGEST_BYTES])
{
	must(EVP_DigestFinal_ex(d->context, out, NULL));
}

void digest_hex(const unsigned char digest[DIGEST_BYTES], char out[DIGEST_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[DIGEST_HEX_SIZE - 1] = '\0';
}
