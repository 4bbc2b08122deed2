// Versions of a symbol that are neither the default one nor the first, or of which none is the default.
//
// BUILD: printf 'V1 { global: serve; };\nV2 { global: serve; only; } V1;\nV3 { global: serve; } V2;\n' >map && gcc -O2 -shared -fPIC -DLIB {{src}} -Wl,--version-script=map,--hash-style={{gnu|sysv}} -o {{dir}}/libx.so && gcc -O2 -D{{DEFAULT|OPENED|NEXT}} -Wl,--no-as-needed {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
__asm__(".symver serve_one,serve@V1\n.symver serve_two,serve@V2\n.symver serve_three,serve@@V3\n.symver only_two,only@V2\n");
__attribute__((used)) void serve_one(void) {}
__attribute__((used)) void serve_two(void) { MARK(SYS_keyctl); }
__attribute__((used)) void serve_three(void) {}
__attribute__((used)) void only_two(void) { MARK(SYS_request_key); }
#else
int main(void)
{
#ifdef OPENED
	void *h = dlopen("libx.so", RTLD_NOW);
#elif defined NEXT
	void *h = RTLD_NEXT;
#else
	void *h = RTLD_DEFAULT;
#endif
	((void (*)(void))dlvsym(h, "serve", "V2"))();
	((void (*)(void))dlvsym(h, "only", "V2"))();
	return 0;
}
#endif
