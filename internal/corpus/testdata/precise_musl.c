// What musl does only after something that this program does not do, with its functions' names and without.
//
// BUILD: musl-gcc -O2 {{src}} -o {{out}}
// BUILD: musl-gcc -O2 -static -DSTATIC {{src}} -o {{out}}
// WANT: writev exit_group
// NOT: exit pread64 readlink newfstatat tkill rt_sigaction fcntl clock_gettime set_robust_list sched_setscheduler
#include <stdio.h>
int main(void) { return printf("hello\n") < 0; }
