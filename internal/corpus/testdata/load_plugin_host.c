// A module that the program loads may need libraries of its own, interpose nothing that is bound already, and
// register callbacks in the program: what is exported to it is reachable from it.
//
// BUILD: gcc -O2 -shared -fPIC -DDEEP {{src}} -o {{dir}}/libdeep.so && gcc -O2 -shared -fPIC -DLIB {{src}} {{dir}}/libdeep.so -Wl,-rpath,'$ORIGIN' -o {{dir}}/libplugin.so && gcc -O2 -rdynamic {{src}} -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp
// NOT: quotactl
// IMAGE: libdeep.so
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void (*func)(void);
void enrol(func f);
void deep(void);
void both(void);

#ifdef DEEP
void deep(void) { MARK(SYS_keyctl); }
#elif defined LIB
static void callback(void) { MARK(SYS_request_key); deep(); both(); }
void both(void) { MARK(SYS_quotactl); }
__attribute__((constructor)) static void start(void) { enrol(callback); }
#else
static func kept;
void enrol(func f) { MARK(SYS_ioprio_get); kept = f; }
void both(void) { MARK(SYS_kcmp); }
int main(void)
{
	if (!dlopen("libplugin.so", RTLD_NOW))
		return 1;
	kept();
	return 0;
}
#endif
