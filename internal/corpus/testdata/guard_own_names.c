// Functions that do come back although others of their names never do: defined by the program itself, called by
// it and by a library, and preloaded.
//
// BUILD: gcc -O{{0|2}} -fno-builtin -shared -fPIC -DPRE {{src}} -o {{dir}}/pre.so && gcc -O{{0|2}} -fno-builtin -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -fno-builtin {{src}} -rdynamic {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// PRELOAD: {{dir}}/pre.so
// ENV: LD_PRELOAD={{dir}}/pre.so
// WANT: keyctl request_key ioprio_get kcmp
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")
void err(int n, const char *s), errx(int n, const char *s), abort(void), quick_exit(int), check(void), _Exit(int);
#ifdef PRE
void quick_exit(int n) { }
#elif defined LIB
void abort(void) { }
void check(void)
{
	err(1, "text");
	MARK(SYS_keyctl);
	abort();
	MARK(SYS_request_key);
	quick_exit(1);
	MARK(SYS_ioprio_get);
}
#else
void err(int n, const char *s) { }
void errx(int n, const char *s) { }
int main(void)
{
	check();
	errx(1, "text");
	quick_exit(1);
	MARK(SYS_kcmp);
	return 0;
}
#endif
