// A static program of glibc that prints a text: what the C library does for old kernels, while the machine boots, and with files that are
// mapped is not in it.
//
// BUILD: gcc -O2 {{-static|-static-pie}} {{src}} -o {{out}}
// WANT: write
// NOT: clock_gettime sigaltstack madvise sched_yield
// STRIP: no
#include <stdio.h>

int main(void) { return puts("hello") < 0; }
