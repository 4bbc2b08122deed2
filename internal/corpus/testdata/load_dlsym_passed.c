// Names that reach dlsym otherwise than as constants of the file that calls it: a table of a library that gets the handle, a
// table that the library gets, with handles of everything and of a file; a text that changes; a library's own function for
// names, with a handle of everything in it, that the program calls beside dlsym for a file's; the table beside dlsym; such a function
// that looks in a file, too; one that is called through a pointer.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -shared -fPIC -DFILE {{src}} -o {{dir}}/file.so && gcc -O2 -rdynamic -DPATH='"{{dir}}/file.so"' -D{{TABLE|LISTED|NULL_LISTED|CHANGED|BESIDE|BOTH|MIXED|POINTER}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// MODULE: {{dir}}/file.so
// WANT: keyctl request_key
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void call(void);
void *everywhere(const char *name);
void *mixed(void *handle, const char *name);
void each(void *handle);
void listed(void *handle, const char *const *names);

#ifdef LIB
void *everywhere(const char *name) { return dlsym(RTLD_DEFAULT, name); }

void *mixed(void *handle, const char *name)
{
	return dlsym(handle, "no_such") ? NULL : dlsym(RTLD_DEFAULT, name);
}

static const char *const own[] = {"first", "second"};

void each(void *handle)
{
	for (int i = 0; i < 2; i++)
		((call *)dlsym(handle, own[i]))();
}

void listed(void *handle, const char *const *names)
{
	for (; *names; names++)
		((call *)dlsym(handle, *names))();
}
#elif defined FILE
void first(void) { MARK(SYS_keyctl); }
void second(void) { MARK(SYS_request_key); }
#else
void third(void) { MARK(SYS_keyctl); }
void fourth(void) { MARK(SYS_request_key); }

__attribute__((noinline)) static void *find(const char *name) { return dlsym(RTLD_DEFAULT, name); }

char changed[] = "thord", changed_too[] = "foorth";
const char *const names[] = {"first", "second", NULL}, *const own[] = {"third", "fourth", NULL};
void *(*volatile by)(const char *) = find;

int main(int argc, char **argv)
{
#ifdef TABLE
	each(dlopen(PATH, RTLD_NOW));
#elif defined LISTED
	listed(dlopen(PATH, RTLD_NOW), names);
#elif defined NULL_LISTED
	listed(dlopen(NULL, RTLD_NOW), own);
#elif defined CHANGED
	changed[2] = 'i';
	changed_too[2] = 'u';
	((call *)find(changed))();
	((call *)find(changed_too))();
#elif defined BESIDE
	((call *)dlsym(dlopen(PATH, RTLD_NOW), "first"))();
	((call *)everywhere("fourth"))();
#elif defined BOTH
	void *h = dlopen(PATH, RTLD_NOW);
	if (dlsym(h, "no_such") == NULL)
		listed(h, names);
#elif defined MIXED
	void *h = dlopen(PATH, RTLD_NOW);
	((call *)dlsym(h, "first"))();
	((call *)mixed(h, "fourth"))();
#else
	((call *)by("third"))();
	((call *)by("fourth"))();
#endif
	return 0;
}
#endif
