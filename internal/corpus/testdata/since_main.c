// What a filter that is installed at the start of main must allow: not what only constructors call.
//
// BUILD: gcc -O2 {{-static|-pie}} {{src}} -o {{out}}
// SINCE: main
// WANT: keyctl request_key ioprio_get kcmp
// ELSEWHERE: exit_group
#include <stdlib.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

static void handler(void) { MARK(SYS_request_key); }
__attribute__((constructor)) static void start(void) { atexit(handler); }
__attribute__((destructor)) static void end(void) { MARK(SYS_ioprio_get); }
static void set_early(void) { MARK(SYS_kcmp); }
static void (*volatile hook)(void);
__attribute__((constructor)) static void set_hook(void) { hook = set_early; }

int main(void)
{
	MARK(SYS_keyctl);
	hook();
	return 0;
}
