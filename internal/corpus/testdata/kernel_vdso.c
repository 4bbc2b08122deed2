// The vDSO holds system call instructions of its own. A program that finds it through the auxiliary
// vector and its symbol table makes those calls with none of them in any file.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: clock_gettime
// TRAP: 10
#include "rt.h"
#include <elf.h>

static OPAQUE int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static OPAQUE void *find(unsigned long base, const char *name)
{
	Elf64_Ehdr *h = (void *)base;
	Elf64_Phdr *p = (void *)(base + h->e_phoff);
	unsigned long load = 0;
	Elf64_Dyn *d = 0;
	for (int i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_LOAD)
			load = base - p[i].p_vaddr + p[i].p_offset;
	for (int i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_DYNAMIC)
			d = (void *)(load + p[i].p_vaddr);
	Elf64_Sym *symbols = 0;
	const char *strings = 0;
	for (; d->d_tag; d++)
		if (d->d_tag == DT_SYMTAB)
			symbols = (void *)(load + d->d_un.d_ptr);
		else if (d->d_tag == DT_STRTAB)
			strings = (void *)(load + d->d_un.d_ptr);
	for (int i = 1;; i++)
		if (same(strings + symbols[i].st_name, name))
			return (void *)(load + symbols[i].st_value);
}

int prog(int argc, char **argv)
{
	char **p = argv + argc + 1;
	while (*p)
		p++;
	for (Elf64_auxv_t *a = (void *)(p + 1); a->a_type; a++)
		if (a->a_type == AT_SYSINFO_EHDR) {
			long ts[2];
			// The clock of the process is none that the vDSO reads itself.
			((long (*)(long, long *))find(a->a_un.a_val, "__vdso_clock_gettime"))(2, ts);
		}
	return 0;
}
