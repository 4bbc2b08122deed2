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

// The address must not be left in a register when another function is called.
static OPAQUE int store(void)
{
	written = never_called;
	return 0;
}

int prog(int argc, char **argv)
{
	store();
	slot();
	return 0;
}
