// DT_INIT and DT_FINI, the arrays, and the constructors of a library of a library: the program itself
// uses nothing of them.
//
// BUILD: gcc -O2 -shared -fPIC -DDEEP -Wl,-init=deep_init -Wl,-fini=deep_fini {{src}} -o {{dir}}/libdeep.so && gcc -O2 -shared -fPIC -Wl,--no-as-needed {{src}} {{dir}}/libdeep.so -Wl,-rpath,'$ORIGIN' -o {{dir}}/libx.so && gcc -O2 -DMAIN -Wl,--no-as-needed {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp
// NOT: add_key
// IMAGE: libdeep.so libx.so
// UNRESOLVED: none
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef MAIN
int main(void) { return 0; }
#elif defined DEEP
void deep_init(void) { MARK(SYS_keyctl); }
void deep_fini(void) { MARK(SYS_request_key); }
void unused(void) { MARK(SYS_add_key); }
#else
__attribute__((constructor)) static void start(void) { MARK(SYS_ioprio_get); }
__attribute__((destructor)) static void end(void) { MARK(SYS_kcmp); }
#endif
