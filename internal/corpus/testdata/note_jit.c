// Code made at run time, in memory that is made executable. This one makes no calls.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: mmap mprotect
// NOTE: jit
// TRAP: 7
#include "rt.h"
#include "jit.h"

int prog(int argc, char **argv)
{
	static const unsigned char code[] = {0x31, 0xc0, 0xc3}; // xor %eax,%eax; ret
	return run(code, sizeof code);
}
