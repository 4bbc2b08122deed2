// What a program finds out about its own headers, by each way there is, and exceptions,
// which need them.
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>
#include <stdexcept>
#include <string>

static int loads, interp, notes, seen;

static int each(struct dl_phdr_info *info, size_t, void *) {
	if (seen++)
		return 0; // the program comes first
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		if (p->p_type == PT_LOAD)
			loads++;
		if (p->p_type == PT_INTERP && *(const char *)(info->dlpi_addr + p->p_vaddr) == '/')
			interp++;
		if (p->p_type == PT_NOTE && !memcmp((const char *)(info->dlpi_addr + p->p_vaddr) + 12, "GNU", 4))
			notes++;
	}
	const ElfW(Phdr) *aux = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	if (aux != info->dlpi_phdr || getauxval(AT_PHNUM) != info->dlpi_phnum)
		puts("AT_PHDR differs");
	return 0;
}

static int deep(int n) {
	if (n == 0)
		throw std::runtime_error("thrown");
	return deep(n - 1) + 1;
}

int main() {
	dl_iterate_phdr(each, 0);
	// The file says the same.
	int fd = open("/proc/self/exe", O_RDONLY);
	ElfW(Ehdr) e;
	ElfW(Phdr) p;
	int in_file = 0;
	if (read(fd, &e, sizeof e) != sizeof e)
		return 1;
	for (int i = 0; i < e.e_phnum; i++)
		if (pread(fd, &p, sizeof p, e.e_phoff + i * sizeof p) == sizeof p && p.p_type == PT_LOAD)
			in_file++;
	printf("%s, %d notes or more, interpreter %d\n", in_file == loads ? "same" : "not the same", notes > 0, interp);
	try {
		deep(10);
	} catch (const std::exception &x) {
		printf("%s\n", x.what());
	}
	return 0;
}
