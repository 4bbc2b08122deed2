// Unwinding without C++: thread cancellation and pthread_exit run the cleanups of C functions, which
// are landing pads behind calls that do not return.
//
// BUILD: gcc -O{{0|2}} -fexceptions {{src}} -o {{out}}
// BUILD: gcc -O2 -fexceptions -static {{src}} -o {{out}}
// WANT: keyctl request_key ioprio_get
// TRAP: 9
// PITFALL: 3
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

static void cleanup(int *p) { MARK(SYS_keyctl); }
static void handler(void *p) { MARK(SYS_request_key); }
static void other(int *p) { MARK(SYS_ioprio_get); }

static void *leaves(void *arg)
{
	int n __attribute__((cleanup(cleanup))) = 1;
	pthread_cleanup_push(handler, 0);
	pthread_exit(0);
	pthread_cleanup_pop(0);
	return 0;
}

static void *waits(void *arg)
{
	int n __attribute__((cleanup(other))) = 1;
	for (;;)
		pause();
}

int main(void)
{
	pthread_t t;
	pthread_create(&t, 0, leaves, 0);
	pthread_join(t, 0);
	pthread_create(&t, 0, waits, 0);
	pthread_cancel(t);
	pthread_join(t, 0);
	return 0;
}
