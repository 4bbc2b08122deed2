// abort takes a handler away: nothing returns from one.
//
// BUILD: gcc -O2 {{src}} -o {{out}}
// NOT: rt_sigreturn
#include <stdlib.h>

int main(int argc, char **argv)
{
	if (argc > 5)
		abort();
	return 0;
}
