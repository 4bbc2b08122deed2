// The personality routine of a function is named by nothing but its unwind information. The unwinder calls
// it, here when the thread exits, or for an exception that nobody catches.
//
// BUILD: gcc -O2 {{-pie|-no-pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -DRAISE {{-static-pie|-static}} {{src}} -o {{out}}
// WANT: keyctl
// NOT: quotactl
// TRAP: 9
#include <pthread.h>
#include <sys/syscall.h>
#include <unwind.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

__attribute__((used, visibility("hidden"))) _Unwind_Reason_Code
personality(int version, _Unwind_Action a, _Unwind_Exception_Class c, struct _Unwind_Exception *e, struct _Unwind_Context *x)
{
	MARK(SYS_keyctl);
	return _URC_CONTINUE_UNWIND;
}
__attribute__((used)) static void dead(void) { MARK(SYS_quotactl); }

#ifdef RAISE
static struct _Unwind_Exception exception;
__attribute__((used)) void leave(void) { _Unwind_RaiseException(&exception); }
#else
__attribute__((used)) void leave(void) { pthread_exit(0); }
#endif
void *thread(void *);
__asm__(".text\n"
	".type thread,@function\n"
	"thread:\n"
	"	.cfi_startproc\n"
	"	.cfi_personality 0x9b,reference\n"
	"	sub $8,%rsp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	call leave\n"
	"	nop\n"
	"	add $8,%rsp\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"	.size thread,.-thread\n"
	".section .data.rel.local,\"aw\"\n"
	".balign 8\n"
	"reference: .quad personality\n"
	".text\n");

int main(void)
{
#ifdef RAISE
	thread(0);
#else
	pthread_t t;
	pthread_create(&t, 0, thread, 0);
	pthread_join(t, 0);
#endif
	return 0;
}
