// Names that are handed to dlsym by way of a function of the same file, or of another file that looks everywhere: all are
// constants, so other texts that are names of functions, too, are none.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -rdynamic -D{{OWN|OTHERS|BOTH}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl
// NOT: kcmp
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void call(void);
void *everywhere(const char *name);

#ifdef LIB
void *everywhere(const char *name) { return dlsym(RTLD_DEFAULT, name); }
#else
void by_name(void) { MARK(SYS_keyctl); }
void only_named(void) { MARK(SYS_kcmp); }

__attribute__((noinline)) static void *find(const char *name) { return dlsym(RTLD_DEFAULT, name); }

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "only_named") == 0)
		return 1;
#ifdef OWN
	((call *)find("by_name"))();
#elif defined OTHERS
	((call *)everywhere("by_name"))();
#else
	if (!find("no_such"))
		((call *)everywhere("by_name"))();
#endif
	return 0;
}
#endif
