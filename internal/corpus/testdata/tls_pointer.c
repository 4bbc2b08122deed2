// Function pointers in thread-local variables: with an initial value, set at run time, in the
// program and in a library, by every model of access.
//
// BUILD: gcc -O2 -static -DLIB -DMAIN {{src}} -o {{out}}
// BUILD: gcc -O{{0|2}} -pie -fPIE -DLIB -DMAIN {{src}} -o {{out}}
// BUILD: gcc -O2 -shared -fPIC -ftls-model={{global-dynamic|local-dynamic|initial-exec}} -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -DMAIN {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// BUILD: gcc -O2 -shared -fPIC -mtls-dialect={{gnu2|gnu}} -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -DMAIN {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// BUILD: musl-gcc -O2 -static -DLIB -DMAIN {{src}} -o {{out}}
// BUILD: clang -O2 -fPIE -pie -DLIB -DMAIN {{src}} -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp
// NOT: add_key
// UNRESOLVED: none
// PITFALL: 6
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void (*func)(void);
func *lib_variable(void);
void lib_call(void);
extern __thread func shared;

#ifdef LIB
static void f0(void) { MARK(SYS_keyctl); }
static void f1(void) { MARK(SYS_request_key); }
__thread func shared = f0;
static __thread func local, local_initial = f1;
void lib_call(void)
{
	local_initial();
	if (local)
		local();
}
func *lib_variable(void) { return &local; }

// Something that only dead code refers to through the GOT.
void exported_dead(void) { MARK(SYS_add_key); }
__attribute__((used)) static void dead(void) { *(volatile long *)0 = (long)&exported_dead; }
#endif

#ifdef MAIN
static void f2(void) { MARK(SYS_ioprio_get); }
static void f3(void) { MARK(SYS_kcmp); }
static __thread func own = f2;

int main(void)
{
	shared();
	own();
	*lib_variable() = f3;
	lib_call();
	return 0;
}
#endif
