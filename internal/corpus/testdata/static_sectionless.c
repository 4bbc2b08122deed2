// A whole libc without section headers and symbols: one executable segment, in which only the unwind
// information says where functions are.
//
// BUILD: gcc -O2 -s -static {{src}} -o {{out}}
// TRANSFORM: sectionless
// STRIP: no
// WANT: keyctl
// TRAP: 3
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	puts("text");
	syscall(SYS_keyctl, -1);
	return 0;
}
