/* How long it takes to make a Lua state with the whole library, in milliseconds: the median of many. */
#include "script/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUNS 1001

static double now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	static double times[RUNS];
	const struct script_options options = { .bundle_fd = -1, .library_fd = -1 };

	for (size_t i = 0; i < RUNS; i++) {
		struct script *s = NULL;
		struct err err = ERR_INIT;
		double start = now_ms();

		if (script_new(&options, &s, &err) < 0) {
			(void)fprintf(stderr, "state: %s\n", err.msg);
			return 1;
		}
		times[i] = now_ms() - start;
		script_free(s);
	}
	qsort(times, RUNS, sizeof(times[0]), compare);
	(void)printf("%.4f\n", times[RUNS / 2]);
	return 0;
}
