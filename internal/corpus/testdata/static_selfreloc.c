// A position-independent program without a loader, which relocates itself: its first act is to store
// through computed addresses.
//
// BUILD: gcc -O{{1|2}} -nostdlib -ffreestanding -fno-stack-protector -fPIE -static-pie -Wl,-z,norelro -I{{testdata}} {{src}} -o {{out}}
// WANT: getppid sysinfo
// NOT: reboot
// UNRESOLVED: none
// PITFALL: 11
#include "rt.h"
#include <elf.h>

extern const Elf64_Dyn dynamic[] __asm__("_DYNAMIC") __attribute__((visibility("hidden")));
extern char start[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));

static OPAQUE void relocate(void)
{
	const Elf64_Rela *r = 0;
	unsigned long size = 0;
	for (const Elf64_Dyn *d = dynamic; d->d_tag; d++)
		if (d->d_tag == DT_RELA)
			r = (void *)(start + d->d_un.d_ptr);
		else if (d->d_tag == DT_RELASZ)
			size = d->d_un.d_val;
	for (unsigned long i = 0; i < size / sizeof *r; i++)
		*(unsigned long *)(start + r[i].r_offset) = (unsigned long)start + r[i].r_addend;
}

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void d0(void) { MARK(reboot); }
void (*table[])(void) = {f0, f1};
void (*dead_table[])(void) = {d0, d0};

int prog(int argc, char **argv)
{
	relocate();
	for (int i = 0; i < 1 + argc; i++)
		table[i]();
	return 0;
}
