// A call at the bottom of functions that no frame pointer leads out of.
#include <sys/syscall.h>
#include <signal.h>
#include <unistd.h>

__attribute__((noinline)) static long third(long x) { char b[200]; b[x & 63] = 1; __asm__ volatile("" ::"r"(b) : "memory"); long r = syscall(SYS_getppid) + b[3]; __asm__ volatile("" ::: "memory"); return r; }
__attribute__((noinline)) static long second(long x) { volatile long a[77]; a[x] = third(x); return a[x] + 1; }
__attribute__((noinline)) static long first(long x) { volatile long a[33]; a[x] = second(x); return a[x] + 1; }
static volatile long sink;
static void handler(int s) { sink = first(s & 3); }

int main(int argc, char **argv) {
	signal(SIGUSR2, handler);
	raise(SIGUSR2);
	return 0;
}
