// malloc takes the clock where the kernel's random numbers are not ready, which the vDSO makes a call of where it cannot read it.
//
// BUILD: gcc -O2 {{-static|}} {{src}} -o {{out}}
// DOUBT: random-pool
// ELSEWHERE: clock_gettime
#include <stdlib.h>

int main(void) { return malloc(100) == NULL; }
