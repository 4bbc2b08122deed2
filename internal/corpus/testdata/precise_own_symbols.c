// A program at a fixed address that exports its functions, and has the address of what tells the loader where its dynamic
// symbols are. The values of these symbols are addresses of functions, but nothing that is named by a text is called.
//
// BUILD: gcc -O2 -no-pie -rdynamic {{src}} -o {{out}}
// WANT: write getppid
// NOT: reboot

#include <dlfcn.h>
#include <elf.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

extern Elf64_Dyn _DYNAMIC[];

void never_named(void) { MARK(SYS_reboot); }
void named_by_a_text(void) { MARK(SYS_getppid); }

int main(void)
{
	Elf64_Dyn *volatile d = _DYNAMIC;
	void (*f)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "named_by_a_text");
	f();
	return write(1, "ok\n", d->d_tag ? 3 : 2) != 3;
}
