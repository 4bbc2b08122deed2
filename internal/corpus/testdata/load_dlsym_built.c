// A name for dlsym that is put together at run time. It may be that of any exported function.
//
// BUILD: gcc -O2 -rdynamic {{src}} -o {{out}}
// COVER: keyctl
// RUN: name
// NOTE: dlsym
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void by_name(void) { MARK(SYS_keyctl); }

int main(int argc, char **argv)
{
	char name[64];
	snprintf(name, sizeof name, "by_%s", argv[1]);
	((void (*)(void))dlsym(RTLD_DEFAULT, name))();
	return 0;
}
