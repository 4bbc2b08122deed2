// Handles of libraries that were in the process before they were opened: the C library's, by its own name, as a table of names is looked
// up in, and by that of one whose functions have moved to it; that of a file, which finds what it and its own library
// need, too; one that is still null. And two functions of a library, of which one passes a handle of
// everything on to the other, or looks a name of its own up, too, for a program that has handles of files besides.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -shared -fPIC -Wl,--no-as-needed -DFILE {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{dir}}/file.so && gcc -O2 -rdynamic -Wl,--no-as-needed -DPATH='"{{dir}}/file.so"' -D{{OPENED|TABLE|MOVED|NEEDS|HAS|STILL_NULL|LEVELS|OWN|LEVELS_TABLE|OWN_TABLE}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: acct swapoff
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <sys/swap.h>
#include <unistd.h>

typedef int call(const char *);
void *everywhere(const char *name), *everywhere_else(const char *name);

#ifdef LIB
__attribute__((noinline)) static void *inner(void *handle, const char *name) { return dlsym(handle, name); }

void *everywhere(const char *name) { return inner(RTLD_DEFAULT, name); }

void *everywhere_else(const char *name)
{
	void *p = dlsym(RTLD_DEFAULT, name);
	return p ? p : dlsym(RTLD_DEFAULT, "no_such");
}

int in_library(const char *name) { return acct(name); }
int in_library_too(const char *name) { return swapoff(name); }
#elif defined FILE
int in_file(const char *name) { return getppid(); }
#else
static const struct {
	const char *name;
	long n;
#ifdef HAS
} table[] = {{"in_library", 1}, {"in_library_too", 2}};
#else
} table[] = {{"acct", 1}, {"swapoff", 2}};
#endif

static void *maybe;

int main(int argc, char **argv)
{
#ifdef OPENED
	void *libc = dlopen("libc.so.6", RTLD_NOW);
	((call *)dlsym(libc, "acct"))("/nowhere");
	((call *)dlsym(libc, "swapoff"))("/nowhere");
#elif defined TABLE || defined NEEDS || defined HAS || defined MOVED
#ifdef MOVED
	void *handle = dlopen("libpthread.so.0", RTLD_NOW);
#elif defined TABLE
	void *handle = dlopen("libc.so.6", RTLD_NOW);
#else
	void *handle = dlopen(PATH, RTLD_NOW);
#endif
	for (volatile int i = 0; i < 2; i++)
		((call *)dlsym(handle, table[i].name))("/nowhere");
#elif defined STILL_NULL
	if (argc > 1)
		maybe = dlopen(PATH, RTLD_NOW);
	((call *)dlsym(maybe, "acct"))("/nowhere");
	((call *)dlsym(maybe, "swapoff"))("/nowhere");
#else
#if defined OWN || defined OWN_TABLE
#define everywhere everywhere_else
#endif
	((call *)dlsym(dlopen(PATH, RTLD_NOW), "in_file"))("");
#if defined OWN || defined LEVELS
	((call *)everywhere("acct"))("/nowhere");
	((call *)everywhere("swapoff"))("/nowhere");
#else
	for (volatile int i = 0; i < 2; i++)
		((call *)everywhere(table[i].name))("/nowhere");
#endif
#endif
	return 0;
}
#endif
