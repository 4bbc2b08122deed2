// WANT plugin executes: socket getpid creat
// WANT plugin needs: socket read write getpid getsid open creat gettid set_tid_address close
// (write as somebody could hand it a file that was opened for write; close in what the worker has told the C library to call at the end)
#include "uk.h"
LIB(libplugin)
struct op { const char *name; int (*f)(int); };
static void (*handler)(int);
struct cb { void (*f)(int); };
static struct cb *kept;
void plugin_keep(struct cb *c) { kept = c; }
NOINLINE void plugin_late(void) { if (kept) kept->f(3); }
void plugin_register(void (*f)(int)) { handler = f; }
NOINLINE void plugin_run(int n) { char b[64]; snprintf(b, 64, "text"); if (handler) handler(n + b[0]); }
static int first(int n) { return uk_syscall_r_getpid(n, 0, 0); }
static int second(int n) { return uk_syscall_r_creat(n, 0, 0); }          // creat calls the body of open around its entry
const struct op plugin_ops[2] = {{"first", first}, {"second", second}};   // a table that the app calls through
NOINLINE long plugin_raw(long nr) { sink++; return uk_syscall_r(nr, 0L, 0L, 0L) + 1; } // a wrapper: its caller's caller knows the number
#ifdef TRAP // by the syscall instruction: with a number that is there, or that of a caller
static NOINLINE long raw(long nr) { long r; __asm__ volatile("syscall" : "=a"(r) : "a"(nr) : "rcx", "r11", "memory"); return r; }
long plugin_trap(void) {
	long n = 0;
#if TRAP < 3
	n += raw(SYS_getppid);
	__asm__ volatile("syscall" : "=a"(n) : "a"((long)SYS_listen) : "rcx", "r11", "memory");
#endif
#if TRAP == 2
	n += raw(sink);
#endif
	return n;
}
#endif
void plugin_stop(void) { exit(1); }
int plugin_tail(int n) { return syscall(SYS_set_tid_address, (long)n); }  // a tail call of libc, which calls the dispatcher; and that call makes gettid
#ifdef INSIDE
__asm__("plugin_asm: .type plugin_asm,@function\n xor %edi,%edi\n nop\n.globl plugin_middle\nplugin_middle: call uk_syscall_r_getpid\n ret\n.size plugin_asm,.-plugin_asm\n");
#endif
