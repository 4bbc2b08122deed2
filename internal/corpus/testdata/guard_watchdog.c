// An event loop of libsystemd that tells the service manager that it runs.
//
// BUILD: gcc -O2 {{src}} /lib/x86_64-linux-gnu/libsystemd.so.0 -o {{out}}
// ENV: NOTIFY_SOCKET=/nowhere/notify
// ENV: WATCHDOG_USEC=1000
// WANT: sendmsg
#include <stdint.h>
#include <stdlib.h>

typedef struct sd_event sd_event;
typedef struct sd_event_source source;
typedef int handler(source *, ...);
int sd_event_new(sd_event **), sd_event_run(sd_event *, uint64_t), sd_event_set_watchdog(sd_event *, int),
	sd_event_add_defer(sd_event *, source **, handler *, void *);

static int handle(source *s, ...) { return 0; }

int main(void)
{
	sd_event *e;
	source *s;

	if (sd_event_new(&e) < 0 || sd_event_set_watchdog(e, 1) <= 0 || sd_event_add_defer(e, &s, handle, 0) < 0)
		return 1;
	for (int i = 0; i < 10; i++)
		sd_event_run(e, 10000);
	return 0;
}
