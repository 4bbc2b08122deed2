// WANT worker executes: close
// WANT worker needs: socket getsid read write ioctl getppid faccessat access close
// (getsid in a callback that the plugin keeps in a variable, and could put anywhere; read in a callback that the app keeps in memory without a name: it could hand it over)
#include "uk.h"
LIB(libworker)
void *worker_main(void *);
long eaccess(long);
static void last(void) { uk_syscall_e_close(1, 0, 0); }
static NOINLINE void later(void (*f)(void)) { atexit(f); sink++; } // passes on what it got
long plugin_raw(long); NOINLINE int worker_pass(long nr) { sink++; return plugin_raw(nr) + sink; }
#ifdef HAND
struct cb7; void far_keep(void (*)(int), long); void far_object(struct cb7 *); void far_fetch(void);
NOINLINE void worker_hand(long a, long b, long c, long d, long e, long f, void (*g)(int)) { sink += a * b * c * d; far_keep(g, e + f); sink++; } // it comes on the stack
NOINLINE void worker_register(long a, void (*g)(int)) { sink += a; far_keep(g, a); sink++; }
NOINLINE void worker_object(struct cb7 *c) { sink++; far_object(c); sink++; }
NOINLINE void worker_fetch(void) { sink++; far_fetch(); sink++; }
#endif
void worker_start(void) { pthread_create(worker_main, NULL); }
static const long numbers[2] = {SYS_getppid, SYS_faccessat};
void *worker_main(void *a) {                                  // a thread
	later(last);                                          // runs when somebody ends the program
	printf("working\n");
	syscall(numbers[0], 0L);
	syscall(SYS_faccessat, 0L, 0L);                           // whose body has that of access inlined
	eaccess(1);
	return a;
}
