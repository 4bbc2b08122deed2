// DT_FILTER and DT_AUXILIARY: a library whose symbols come from another file, which nothing needs: all
// of them in a filter, those that the other has in an auxiliary filter.
//
// BUILD: gcc -O2 -shared -fPIC -DREAL {{src}} -o {{dir}}/libreal.so && gcc -O2 -shared -fPIC -DSTUB {{src}} -Wl,-F,libreal.so -Wl,-rpath,'$ORIGIN' -o {{dir}}/libstub.so && gcc -O2 {{src}} {{dir}}/libstub.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// BUILD: gcc -O2 -shared -fPIC -DREAL {{src}} -o {{dir}}/libreal.so && gcc -O2 -shared -fPIC -DSTUB {{src}} -Wl,-f,libreal.so -Wl,-rpath,'$ORIGIN' -o {{dir}}/libstub.so && gcc -O2 {{src}} {{dir}}/libstub.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
// IMAGE: libreal.so
// TRAP: 10
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void f(void);
#ifdef REAL
void f(void) { MARK(SYS_keyctl); }
__attribute__((constructor)) static void start(void) { MARK(SYS_request_key); }
#elif defined STUB
void f(void) { MARK(SYS_quotactl); }
#else
int main(void)
{
	f();
	return 0;
}
#endif
