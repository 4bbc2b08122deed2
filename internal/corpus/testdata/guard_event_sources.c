// An event loop of libsystemd with sources of each kind that few have: they are added by a call, by a pointer in
// a table, by a function that is looked up, and moved to another priority.
//
// BUILD: gcc -O2 -D{{CALL|POINTER|FOUND}} {{src}} /lib/x86_64-linux-gnu/libsystemd.so.0 -o {{out}}
// WANT: inotify_init1 inotify_add_watch inotify_rm_watch signalfd4 waitid pidfd_send_signal
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct sd_event sd_event;
typedef struct sd_event_source source;
typedef int handler(source *, ...);
int sd_event_new(sd_event **), sd_event_run(sd_event *, uint64_t), sd_event_source_set_priority(source *, int64_t),
	sd_event_add_signal(sd_event *, source **, int, handler *, void *),
	sd_event_add_child(sd_event *, source **, pid_t, int, handler *, void *),
	sd_event_add_inotify(sd_event *, source **, const char *, uint32_t, handler *, void *),
	sd_event_source_set_child_process_own(source *, int);
sd_event *sd_event_unref(sd_event *);
source *sd_event_source_unref(source *);

struct adders {
	long n;
	__typeof__(sd_event_add_signal) *signal;
	__typeof__(sd_event_add_child) *child;
	__typeof__(sd_event_add_inotify) *inotify;
};
#ifdef FOUND
static struct adders table;
#else
static struct adders table = {3, sd_event_add_signal, sd_event_add_child, sd_event_add_inotify};
#endif

static int handle(source *s, ...) { return 0; }

int main(void)
{
	sd_event *e;
	source *s, *c, *owned, *i;
	struct adders *volatile t = &table;
	sigset_t set;
	pid_t pid, left;

#ifdef FOUND
	t->signal = dlsym(RTLD_DEFAULT, "sd_event_add_signal");
	t->child = dlsym(RTLD_DEFAULT, "sd_event_add_child");
	t->inotify = dlsym(RTLD_DEFAULT, "sd_event_add_inotify");
#endif
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (!(pid = fork()))
		_exit(0);
	if (!(left = fork())) {
		pause();
		_exit(0);
	}
	if (sd_event_new(&e) < 0)
		return 1;
#ifdef CALL
	if (sd_event_add_signal(e, &s, SIGUSR1, handle, 0) < 0 || sd_event_add_child(e, &c, pid, WEXITED, handle, 0) < 0 ||
	    sd_event_add_child(e, &owned, left, WEXITED, handle, 0) < 0 || sd_event_add_inotify(e, &i, "/", IN_CREATE, handle, 0) < 0)
		return 2;
#else
	if (t->signal(e, &s, SIGUSR1, handle, 0) < 0 || t->child(e, &c, pid, WEXITED, handle, 0) < 0 ||
	    t->child(e, &owned, left, WEXITED, handle, 0) < 0 || t->inotify(e, &i, "/", IN_CREATE, handle, 0) < 0)
		return 2;
#endif
	if (sd_event_source_set_priority(i, 7) < 0 || sd_event_source_set_priority(s, 7) < 0)
		return 3;
	sd_event_source_set_child_process_own(owned, 1);
	sd_event_run(e, 100000);
	sd_event_source_unref(owned);
	sd_event_source_unref(i);
	sd_event_unref(e);
	return 0;
}
