// Function pointers in memory that is never read: in a static variable that is only written, in a
// field that nobody loads of a structure whose other field is loaded by its own address.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid
// NOT: reboot swapon
// UNRESOLVED: none
#include "rt.h"

typedef void (*func)(void);
static func volatile written;
static void never_called(void) { MARK(reboot); }
static void never_read(void) { MARK(swapon); }
static void live(void) { MARK(getppid); }
func slot = live, unread = never_read;

int prog(int argc, char **argv)
{
	written = never_called;
	slot();
	return 0;
}
