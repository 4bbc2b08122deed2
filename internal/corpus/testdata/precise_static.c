// What a static glibc does only after something that this program does not do; its functions have names.
//
// BUILD: gcc -O2 {{-static|-static-pie}} {{src}} -o {{out}}
// WANT: write exit_group
// NOT: exit sched_yield sched_getaffinity madvise sched_get_priority_max sched_setscheduler
#include <stdio.h>
int main(void) { return printf("hello\n") < 0; }
