// A library that is called by the worker alone, and calls back what comes from the app.
#include "uk.h"
LIB(libfar)
#ifdef HAND
struct cb7 { long pad[3]; void (*f)(int); };
struct cb7 *app_object(void);
static void (*far)(int);
NOINLINE void far_keep(void (*f)(int), long a) { if (far) far(5); far = f; sink += a; }
NOINLINE void far_object(struct cb7 *c) { c->f(3); }
NOINLINE void far_fetch(void) { app_object()->f(4); }
#endif
