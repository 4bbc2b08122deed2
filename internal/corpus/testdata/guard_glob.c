// Patterns with a ~, for which glob looks up who is logged in, and so locks the file that says it: by a constant
// flag, by one that comes from outside, through a pointer, through a function that is looked up.
//
// BUILD: gcc -O2 -D{{TILDE|CHECK|UNKNOWN|POINTER|FOUND}} {{src}} -o {{out}}
// ELSEWHERE: alarm
#define _GNU_SOURCE
#include <dlfcn.h>
#include <glob.h>
#include <stddef.h>

int main(int argc, char **argv)
{
	glob_t g;
#ifdef TILDE
	glob("~", GLOB_TILDE | GLOB_MARK, NULL, &g);
	return 0;
#elif defined CHECK
	glob("~", GLOB_TILDE_CHECK, NULL, &g);
	return 0;
#elif defined UNKNOWN
	glob("~", argc << 12, NULL, &g);
	return 0;
#else
	int (*volatile f)(const char *, int, int (*)(const char *, int), glob_t *);
#ifdef FOUND
	f = dlsym(RTLD_DEFAULT, "glob");
#else
	f = glob;
#endif
	f("~", GLOB_TILDE, NULL, &g);
	return 0;
#endif
}
