// A program that finds the functions which it exports in the table of its own dynamic symbols, by the beginnings of their names.
//
// BUILD: gcc -O{{0|2}} {{-no-pie|-pie -fPIE}} -rdynamic -DMODE={{1|2|3}} {{src}} -o {{out}}
// BUILD: gcc -O2 -no-pie -rdynamic -s -DMODE={{1|2|3}} {{src}} -o {{out}}
// WANT: getppid getpgrp

#include <elf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

extern Elf64_Dyn _DYNAMIC[];
static Elf64_Dyn *kept = _DYNAMIC;
extern Elf64_Dyn *_GLOBAL_OFFSET_TABLE_[] __attribute__((visibility("hidden")));
extern const char __ehdr_start[];

void test_of_a_function(void) { MARK(SYS_getppid); }
static void in_a_table(void) { MARK(SYS_getpgrp); }
void (*test_of_a_variable)(void) = in_a_table;

int main(void)
{
	const Elf64_Sym *symbols = 0;
	const char *names = 0;
	const char *base = (unsigned long)__ehdr_start == 0x400000 ? 0 : __ehdr_start;
	for (Elf64_Dyn *d = MODE == 1 ? _DYNAMIC : MODE == 2 ? *(Elf64_Dyn *volatile *)&kept : (Elf64_Dyn *)(base + (long)_GLOBAL_OFFSET_TABLE_[0]); d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			symbols = (void *)d->d_un.d_ptr;
		if (d->d_tag == DT_STRTAB)
			names = (void *)d->d_un.d_ptr;
	}
	for (const Elf64_Sym *s = symbols; (const char *)s < names; s++) {
		if (s->st_shndx == SHN_UNDEF || strncmp(names + s->st_name, "test_of_", 8))
			continue;
		if (ELF64_ST_TYPE(s->st_info) == STT_FUNC)
			((void (*)(void))(base + s->st_value))();
		else
			(*(void (**)(void))(base + s->st_value))();
	}
	return 0;
}
