/* Between the three compartments. */
#ifndef APP_H
#define APP_H
#include "uk.h"

struct call { u64 addr; long a[5]; };
typedef long (*hole_t)(const struct call *, int);
long app_hole(const struct call *, int);

/* net: sockets, a log, a timer */
int net_listen(int port);
int net_poll(int (*deliver)(const char *, int));
int net_native(void);
u64 net_ticks(void);
long net_sum(long a, long b, long c, long d, long e, long f, long g, long h, int n, ...);
long net_hole(const struct call *, int);
int net_parse(const char *, void (*fail)(int));
const struct net_ops { int (*open)(int); int (*stat)(void); long (*tail)(long); } *net_operations(void);
int net_tail(int port);
int net_nested(int depth);
extern u64 net_timer_count;

/* plugin: reads a file, sorts, computes in a thread */
int plugin_native(void);
int plugin_load(const char *path, char *out, size_t n);
int plugin_sort(int *v, int n, int (*cmp)(const void *, const void *));
int plugin_thread(int n);
long plugin_hole(const struct call *, int);
struct big { long v[8]; };
struct big plugin_big(struct big);
__int128 plugin_wide(__int128);
int plugin_both(int port);
void plugin_abort(int) noreturn;

#endif
