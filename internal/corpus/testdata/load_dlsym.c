// Functions that are looked up by name and are dead otherwise: exported by the program (dlsym with
// RTLD_DEFAULT), by a library (RTLD_NEXT), by a version, and through a table of names.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -rdynamic -Wl,--no-as-needed {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp
// NOT: quotactl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
void wrapped(void) { MARK(SYS_keyctl); }
void by_table(void) { MARK(SYS_kcmp); }
#else
void by_name(void) { MARK(SYS_request_key); }
void by_table_too(void) { MARK(SYS_ioprio_get); }
__attribute__((used)) static void not_exported(void) { MARK(SYS_quotactl); }

static const struct { const char *name; long n; } names[] = {{"by_table", 1}, {"by_table_too", 2}};

void wrapped(void) { ((void (*)(void))dlsym(RTLD_NEXT, "wrapped"))(); }

int main(int argc, char **argv)
{
	((void (*)(void))dlsym(RTLD_DEFAULT, "by_name"))();
	for (int i = 0; i < 1 + argc; i++)
		((void (*)(void))dlsym(RTLD_DEFAULT, names[i].name))();
	wrapped();
	return 0;
}
#endif
