/* Between compartments that memory keys separate. */
#ifndef PKU_H
#define PKU_H
#include "uk.h"

#define COMP1 __attribute__((section(".data_comp1")))
#define COMP2 __attribute__((section(".data_comp2")))
#define SHARED __attribute__((section(".data_shared")))

/* Gates from one compartment into another: call fn there, on its stack. */
long flexos_gate_0_1(void *fn, long a, long b, long c);
long flexos_gate_0_2(void *fn, long a, long b, long c);
long flexos_gate_1_0(void *fn, long a, long b, long c);
long flexos_gate_2_0(void *fn, long a, long b, long c);

struct call { u64 addr; long a[5]; };
extern struct call calls[4];	/* shared */
extern int call_count;

long net_hole(const struct call *, int);
long net_libc(const struct call *, int);	/* calls through the gate into compartment 0 */
long plugin_hole(const struct call *, int);
int net_serve(int n);
void net_irq(void);
int plugin_serve(int n);
#endif
