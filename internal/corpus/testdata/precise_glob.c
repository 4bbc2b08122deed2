// Patterns without a ~: glob looks up nobody.
//
// BUILD: gcc -O2 {{src}} -o {{out}}
// WANT: getdents64
// NOT: alarm
#define _GNU_SOURCE
#include <glob.h>
#include <stddef.h>

int main(void)
{
	glob_t g;
	return glob("/*", GLOB_MARK, NULL, &g) || glob("/{e,d}*", GLOB_BRACE | GLOB_APPEND | GLOB_NOCHECK, NULL, &g);
}
