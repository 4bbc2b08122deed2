// Functions of the program that only libc calls: comparison, thread start, exit handlers,
// signal handlers, pthread keys, printf hooks, tree walks, fork handlers, once, bsearch, a cookie stream,
// the name printer of error().
//
// BUILD: gcc -w -O2 {{-static|-pie|-no-pie}} {{src}} -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp add_key get_robust_list sched_getattr io_destroy io_cancel mq_notify pkey_free lookup_dcookie perf_event_open landlock_create_ruleset
// UNRESOLVED: none
// PITFALL: 13
#define _GNU_SOURCE
#include <error.h>
#include <printf.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(-1L) : "rcx", "r11", "memory")

static int compare(const void *a, const void *b) { MARK(SYS_keyctl); return *(int *)a - *(int *)b; }
static int search(const void *a, const void *b) { MARK(SYS_lookup_dcookie); return 0; }
static void at_exit(void) { MARK(SYS_request_key); }
static void handler(int sig) { MARK(SYS_ioprio_get); }
static void *thread(void *arg) { MARK(SYS_kcmp); pthread_setspecific(*(pthread_key_t *)arg, arg); return 0; }
static void forget(void *value) { MARK(SYS_add_key); }
static void once(void) { MARK(SYS_get_robust_list); }
static void in_child(void) { MARK(SYS_sched_getattr); }
static void visit(const void *node, VISIT which, int depth) { MARK(SYS_io_destroy); }
static ssize_t cookie_write(void *c, const char *b, size_t n) { MARK(SYS_io_cancel); return n; }
static void on_exit_handler(int status, void *arg) { MARK(SYS_mq_notify); }
static void clean(void *arg) { MARK(SYS_pkey_free); }

static void name(void) { MARK(SYS_perf_event_open); }
static int print(FILE *f, const struct printf_info *i, const void *const *args) { MARK(SYS_landlock_create_ruleset); return 0; }
static int size(const struct printf_info *i, size_t n, int *types, int *sizes) { return 0; }

int main(void)
{
	int v[] = {3, 1, 2};
	qsort(v, 3, sizeof *v, compare);
	bsearch(v, v, 3, sizeof *v, search);
	atexit(at_exit);
	on_exit(on_exit_handler, 0);
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	pthread_key_t key;
	pthread_key_create(&key, forget);
	pthread_t t;
	pthread_create(&t, 0, thread, &key);
	pthread_join(t, 0);
	static pthread_once_t control = PTHREAD_ONCE_INIT;
	pthread_once(&control, once);
	pthread_atfork(0, 0, in_child);
	if (fork() == 0)
		_exit(0);
	wait(0);
	void *root = 0;
	tsearch(v, &root, search);
	twalk(root, visit);
	FILE *f = fopencookie(0, "w", (cookie_io_functions_t){.write = cookie_write});
	fputs("text", f);
	fclose(f);
	error_print_progname = name;
	error(0, 0, "text");
	register_printf_specifier('W', print, size);
	printf("%W\n");
	pthread_cleanup_push(clean, 0);
	pthread_cleanup_pop(1);
	return 0;
}
