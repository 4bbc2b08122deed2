// A program at a fixed address that exports its functions, and has what looks like an address of the table of its dynamic
// symbols. The values of these symbols are addresses of functions, but nothing that is named by a text is called.
//
// BUILD: gcc -O2 -no-pie -rdynamic {{src}} -o {{out}}
// WANT: write getppid
// NOT: reboot

#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

extern const char __ehdr_start[];
const char *volatile headers[] = {__ehdr_start + 0x300, __ehdr_start + 0x340, __ehdr_start + 0x380, __ehdr_start + 0x3c0, __ehdr_start + 0x400};

void never_named(void) { MARK(SYS_reboot); }
void named_by_a_text(void) { MARK(SYS_getppid); }

int main(int argc, char **argv)
{
	void (*f)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "named_by_a_text");
	f();
	return write(1, "ok\n", *headers[argc] == 1 ? 3 : 2) < 2;
}
