/* util/embed.h - files of the source tree as part of the program. The assembler reads them in; whoever embeds a file
 * tells the Makefile to do it again when the file changes.
 */
#pragma once

/* Makes embedded_SYMBOL and embedded_SYMBOL_end, the bytes of FILE (from the top of the tree) with a NUL behind. */
#define EMBED_FILE(symbol, file)                                                                                       \
	__asm__(".pushsection .rodata\n"                                                                               \
		".global embedded_" #symbol "\n.hidden embedded_" #symbol "\n"                                         \
		".global embedded_" #symbol "_end\n.hidden embedded_" #symbol "_end\n"                                 \
		"embedded_" #symbol ":\n.incbin \"" file "\"\n"                                                        \
		"embedded_" #symbol "_end:\n.byte 0\n.popsection\n");                                                  \
	extern const char embedded_##symbol[] __attribute__((visibility("hidden")));                                   \
	extern const char embedded_##symbol##_end[] __attribute__((visibility("hidden")))
