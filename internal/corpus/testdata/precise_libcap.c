// libcap in a program of one thread: nothing holds its lock.
//
// BUILD: gcc -O2 {{src}} /lib/x86_64-linux-gnu/libcap.so.2 -o {{out}}
// WANT: capget
// NOT: sched_yield
typedef struct _cap_struct *cap_t;
cap_t cap_get_proc(void), cap_dup(cap_t);

int main(void) { return !cap_dup(cap_get_proc()); }
