// WANT worker executes: close
// WANT worker needs: socket read write ioctl getppid faccessat access close
// (read in a callback that the app keeps in memory without a name: it could hand it over)
#include "uk.h"
LIB(libworker)
void *worker_main(void *);
long eaccess(long);
static void last(void) { uk_syscall_e_close(1, 0, 0); }
static NOINLINE void later(void (*f)(void)) { atexit(f); sink++; } // passes on what it got
long plugin_raw(long); NOINLINE int worker_pass(long nr) { sink++; return plugin_raw(nr) + sink; }
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
