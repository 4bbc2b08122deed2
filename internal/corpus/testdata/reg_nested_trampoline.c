// The address of a nested function: GCC writes code to the stack that loads the static chain into
// r10 and jumps to the nested function, whose address lies inside an instruction's immediate.
//
// BUILD: gcc -O{{0|1|2}} {{free}} -Wl,-z,execstack {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} -Wl,-z,execstack {{src}} -o {{out}}
// WANT: getppid
// TRAP: 5 7
#include "rt.h"

static OPAQUE void apply(void (*fn)(int), int n)
{
	while (n--)
		fn(n);
}

int prog(int argc, char **argv)
{
	int sum = 0;
	void nested(int n)
	{
		sum += n;
		MARK(getppid);
	}
	apply(nested, 1 + argc);
	return sum - 1;
}
