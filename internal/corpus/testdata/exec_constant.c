// What the program executes: a constant path, its own file by /proc/self/exe, through fexecve, through
// a path from the command line.
//
// BUILD: gcc -O2 -static {{src}} -o {{out}}
// BUILD: gcc -O2 {{src}} -o {{out}}
// BUILD: musl-gcc -O2 -static {{src}} -o {{out}}
// RUN: 1
// RUN: 2
// WANT: execve keyctl
// EXEC: /proc/self/fd/none /bin/gofind-none self
#include <sys/syscall.h>
#include <unistd.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

static char *const none[] = {"none", 0};

int main(int argc, char **argv)
{
	if (argc < 2) {
		MARK(SYS_keyctl);
		return 0;
	}
	if (argv[1][0] == '1') {
		execve("/bin/gofind-none", none, none);
		execl("/proc/self/fd/none", "x", (char *)0);
	}
	execve("/proc/self/exe", none, none);
	return 1;
}
