// mkstemp takes the clock before it asks for random numbers, which the vDSO makes a call of where it cannot read it.
//
// BUILD: gcc -O2 {{-static|}} {{src}} -o {{out}}
// ELSEWHERE: clock_gettime
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	char name[] = "/tmp/guardXXXXXX";
	return mkstemp(name) < 0 || unlink(name);
}
