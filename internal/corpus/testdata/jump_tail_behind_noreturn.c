// A jump through a pointer at the end of a function, behind a call of another file's function that does not return, which
// the program's code does not show: by what is known of the ways to it, the frame may be there or not. The unwind information says.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{-no-pie|-pie -fPIE}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
// NOT: quotactl
// UNRESOLVED: none
#include <sys/syscall.h>
#include <unistd.h>

#ifdef LIB
__attribute__((noreturn)) void fail(void)
{
	syscall(SYS_request_key, -1, -1, 0, 0);
	_exit(0);
}
#else
void fail(void);

struct operations {
	long (*make)(void *);
};

static long make(void *p) { return syscall(SYS_keyctl, -1, p); }
__attribute__((used)) static long unused(void *p) { return syscall(SYS_quotactl, -1, p); }

static const struct operations operations = {make};
__attribute__((used)) const struct operations *parent;

long chain(void *);
__asm__(".text\n.globl chain\nchain:\n.cfi_startproc\n"
	"	cmpq $0, (%rdi)\n"
	"	je 1f\n"
	"	sub $8, %rsp\n"
	"	.cfi_def_cfa_offset 16\n"
	"	call fail@PLT\n"
	"	.p2align 3\n"
	"	.cfi_def_cfa_offset 8\n"
	"1:	mov parent(%rip), %rax\n"
	"	jmp *(%rax)\n"
	"	.cfi_endproc");

int main(void)
{
	void *null = 0, *other = &null;

	parent = &operations;
	chain(&null);
	chain(&other);
	return 1;
}
#endif
