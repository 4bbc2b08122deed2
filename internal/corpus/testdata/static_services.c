// A static program has glibc's name service switch in itself, and loads the modules of the host's services
// with another C library: whatever they do is to be in the answer.
//
// BUILD: gcc -O2 -static -w {{src}} -o {{out}}
// HOST: system
// WANT: openat
// TRAP: 11
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

static void leave(int n) { _exit(0); } // not all modules get on with two C libraries

int main(void)
{
	signal(SIGSEGV, leave);
	initgroups("root", 0);
	getpwnam("nobody-there");
	return 0;
}
