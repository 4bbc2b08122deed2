// An event loop of libsystemd with a timer, a pipe and what is put off, whose priorities change: nothing of what
// only signals, children, files and the service manager need.
//
// BUILD: gcc -O2 {{src}} /lib/x86_64-linux-gnu/libsystemd.so.0 -o {{out}}
// WANT: epoll_wait timerfd_create
// NOT: inotify_init1 inotify_add_watch signalfd4 waitid pidfd_send_signal statfs
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

typedef struct sd_event sd_event;
typedef struct sd_event_source source;
typedef int handler(source *, ...);
int sd_event_new(sd_event **), sd_event_run(sd_event *, uint64_t), sd_event_source_set_priority(source *, int64_t),
	sd_event_add_io(sd_event *, source **, int, uint32_t, handler *, void *),
	sd_event_add_defer(sd_event *, source **, handler *, void *),
	sd_event_add_time(sd_event *, source **, clockid_t, uint64_t, uint64_t, handler *, void *);
sd_event *sd_event_unref(sd_event *);

static int handle(source *s, ...) { return 0; }

int main(void)
{
	sd_event *e;
	source *io, *defer, *timer;
	int p[2];

	if (pipe(p) || sd_event_new(&e) < 0 || sd_event_add_io(e, &io, p[0], EPOLLIN, handle, 0) < 0 ||
	    sd_event_add_defer(e, &defer, handle, 0) < 0 || sd_event_add_time(e, &timer, CLOCK_MONOTONIC, 1, 0, handle, 0) < 0)
		return 1;
	if (sd_event_source_set_priority(io, 7) < 0)
		return 2;
	sd_event_run(e, 1000);
	sd_event_run(e, 1000);
	sd_event_unref(e);
	return 0;
}
