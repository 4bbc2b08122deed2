// A checked jump up the stack asks for no signal stack. One that leads down it, on a signal's stack, needs that a stack is set:
// by the C library's function, by number, by the program's own instruction.
//
// BUILD: gcc -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 {{-static|}} {{src}} -o {{out}}
// WANT: keyctl
// NOT: sigaltstack
#include <setjmp.h>
#include <sys/syscall.h>
#include <unistd.h>

static jmp_buf env;

__attribute__((noinline)) static void leave(int n) { longjmp(env, n); }

int main(int argc, char **argv)
{
	if (setjmp(env) == 0)
		leave(argc);
	syscall(SYS_keyctl, -1L, 0L, 0L, 0L, 0L);
	return 0;
}
