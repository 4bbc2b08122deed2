// Code made at run time that makes a call. It stands nowhere in the file, and an answer that claims
// to be complete is wrong.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// COVER: getppid
// NOTE: jit
// TRAP: 7
#include "rt.h"
#include "jit.h"

int prog(int argc, char **argv)
{
	unsigned char code[] = {0xb8, 0x6d + argc, 0, 0, 0, 0x0e + argc, 0x05, 0x31, 0xc0, 0xc3};
	return run(code, sizeof code);
}
