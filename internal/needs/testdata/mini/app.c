// WANT app executes: read getpgid getsid
// WANT app needs: socket read write ioctl getpid getpgid getsid open creat bind listen gettid set_tid_address getppid faccessat access close
// (the last four in the thread that the worker starts for it)
#include "uk.h"
LIB(appmini)
void plugin_run(int); void plugin_stop(void); int plugin_tail(int); void plugin_register(void (*)(int)); void worker_start(void);
struct op { const char *name; int (*f)(int); };
extern const struct op plugin_ops[2];
static void on_event(int n) { uk_syscall(SYS_getsid, (long)n); }     // a callback that the plugin calls: getsid is the plugin's need as well
struct cb { void (*f)(int); }; void plugin_keep(struct cb *); void plugin_late(void);
static long heap[64]; static int used;
NOINLINE void *alloc(int n) { void *p = &heap[used]; used += n / 8; return p; }
static void on_late(int n) { uk_syscall(SYS_read, (long)n); }        // a callback in an object that one function makes and another hands over
static NOINLINE struct cb *make(void) { struct cb *c = alloc(8); c->f = on_late; sink++; return c; }
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
static NOINLINE int sixth(void) { long r; __asm__ volatile("call uk_syscall6_r" : "=a"(r) : "0"(121L), "D"(0L) : "memory", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11"); return r; } // getpgid by rax
static NOINLINE int jump(int n) { return plugin_tail(n); }             // a tail call into another compartment
#ifdef INSIDE // into the middle of functions, as assembly can: that of another compartment, its own, and a call
static NOINLINE int middle(int n) { __asm__ volatile("call plugin_middle\n call app_middle\n call pause_middle" : "+a"(n) :: "memory", "rdi"); return n; }
__asm__("app_asm: .type app_asm,@function\n xor %eax,%eax\n.globl app_middle\napp_middle: ret\n.size app_asm,.-app_asm\n");
#else
static int middle(int n) { return n; }
#endif
int worker_pass(long); long plugin_trap(void);
int main(int argc, char **argv) {
	int v[4] = {4, 3, 2, 1};
	printf("hello\n");
	qsort(v, 4, sizeof *v, compare);
	plugin_register(on_event);
	plugin_run(argc);
	plugin_keep(make());
	plugin_late();
	worker_start();
	middle(sixth());
#ifdef TRAP
	plugin_trap();
#endif
	worker_pass(SYS_socket);                              // who knows the number makes the call, and those between are on the chain
	bind(3, v, 4);
	listen(3, 1);
	if (argc > 9) plugin_stop();
	return plugin_ops[argc & 1].f(argc) + jump(argc);
}
