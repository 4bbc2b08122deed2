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
#ifdef HAND // callbacks that go a long way to libfar, which this library does not call: as arguments (1, 4), in an object on the stack (2), in memory that it asks for (3)
struct cb7 { long pad[3]; void (*f)(int); };
static void on_far(int n) { uk_syscall_r_mkdir(n, 0, 0); }
void worker_hand(long, long, long, long, long, long, void (*)(int)); void worker_object(struct cb7 *); void worker_fetch(void);
static NOINLINE void third(long a, void (*f)(int)) { sink += a; worker_hand(1, 2, 3, 4, 5, a, f); }
static NOINLINE void second(void (*f)(int), long a) { sink -= a; third(a + 1, f); }
void worker_register(long, void (*)(int));
static NOINLINE void third4(long a, void (*f)(int)) { sink += a; worker_register(a, f); }
static NOINLINE void second4(void (*f)(int), long a) { sink -= a; third4(a + 1, f); }
static NOINLINE void object(struct cb7 *c) { sink++; worker_object(c); }
static struct cb7 *kept;
static const struct cb7 template = {{1}, on_far};                  // (5, 7) copied from static data, (6) put there by a function that gets it
static NOINLINE void set(struct cb7 *c, void (*f)(int)) { c->f = f; sink++; }
struct cb7 *app_object(void) { return kept; }
static NOINLINE void hand(long n) {
	struct cb7 c = {{n}, on_far};
	if (HAND == 1) second(on_far, n);
	if (HAND == 4) second4(on_far, n);
	if (HAND == 5) { kept = alloc(sizeof *kept); *kept = template; worker_fetch(); }
	if (HAND == 7) { kept = alloc(sizeof *kept); memcpy(kept, &template, sizeof template); worker_fetch(); }
	if (HAND == 6) { kept = alloc(sizeof *kept); set(kept, on_far); worker_fetch(); }
	if (HAND == 2) object(&c);
	if (HAND == 3) { kept = alloc(sizeof *kept); kept->f = on_far; worker_fetch(); }
}
#else
static void hand(long n) {}
#endif
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
	hand(argc);
	worker_pass(SYS_socket);                              // who knows the number makes the call, and those between are on the chain
	bind(3, v, 4);
	listen(3, 1);
	if (argc > 9) plugin_stop();
	return plugin_ops[argc & 1].f(argc) + jump(argc);
}
