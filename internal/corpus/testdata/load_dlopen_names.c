// Names of files to load that reach dlopen on other ways: through a wrapper, from a table, through a
// pointer to dlopen, chosen by a condition, with a path put together from a constant directory.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB_a {{src}} -o libxa.so && gcc -O2 -shared -fPIC -DLIB_b {{src}} -o libxb.so && gcc -O2 -shared -fPIC -DLIB_c {{src}} -o libxc.so && gcc -O2 -shared -fPIC -DLIB_d {{src}} -o libxd.so && gcc -O2 -shared -fPIC -DLIB_e {{src}} -o libxe.so && gcc -O2 -shared -fPIC -DLIB_f {{src}} -o libxf.so && gcc -O2 {{src}} -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp
// COVER: add_key get_robust_list
// IMAGE: libxa.so libxb.so libxc.so libxd.so
#include <dlfcn.h>
#include <stdio.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")
#define START __attribute__((constructor)) static void start(void)

#if defined LIB_a
START { MARK(SYS_keyctl); }
#elif defined LIB_b
START { MARK(SYS_request_key); }
#elif defined LIB_c
START { MARK(SYS_ioprio_get); }
#elif defined LIB_d
START { MARK(SYS_kcmp); }
#elif defined LIB_e
START { MARK(SYS_add_key); }
#elif defined LIB_f
START { MARK(SYS_get_robust_list); }
#else
#define OPAQUE __attribute__((noipa))

static OPAQUE void *load(int flags, const char *name) { return dlopen(name, flags); }
static const char *const table[] = {"libxb.so", "libxc.so", 0};
void *(*volatile pointer)(const char *, int) = dlopen;

int main(int argc, char **argv)
{
	int ok = load(RTLD_NOW, "libxa.so") != 0;
	for (const char *const *n = table; *n; n++)
		ok &= load(RTLD_LAZY, *n) != 0;
	ok &= load(RTLD_NOW, argc > 1 ? "libxnone.so" : "libxd.so") != 0;
	ok &= pointer("libxe.so", RTLD_NOW) != 0;
	char name[100];
	snprintf(name, sizeof name, "lib%s.so", "xf");
	ok &= dlopen(name, RTLD_NOW) != 0;
	return !ok;
}
#endif
