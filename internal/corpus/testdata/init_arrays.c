// Functions that nothing refers to but the arrays and the tags of what runs before and
// after main.
//
// BUILD: gcc -O2 {{-static|-static-pie|-pie|-no-pie}} {{src}} -o {{out}}
// BUILD: musl-gcc -O2 -DNOPRE {{-static|-no-pie}} {{src}} -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp add_key
// UNRESOLVED: none
#include <stdlib.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef NOPRE // musl has no preinit array
__attribute__((constructor(101)))
#endif
static void before(int argc, char **argv, char **env) { MARK(SYS_keyctl); }
#ifndef NOPRE
__attribute__((section(".preinit_array"), used)) static void (*preinit)(int, char **, char **) = before;
#endif
__attribute__((constructor)) static void start(void) { MARK(SYS_request_key); }
__attribute__((constructor(200))) static void early(void) { MARK(SYS_ioprio_get); }
__attribute__((destructor)) static void end(void) { MARK(SYS_kcmp); }
static void at_exit(void) { MARK(SYS_add_key); }

int main(void)
{
	atexit(at_exit);
	return 0;
}
