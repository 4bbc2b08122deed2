// Computed goto, as interpreters use it: labels in a static table, labels stored at run
// time, and a table of differences of labels.
//
// BUILD: gcc -O{{0|1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid getpriority
// TRAP: 8 2
#include "rt.h"

static void *stored[3];

static OPAQUE void absolute(const unsigned char *code)
{
	static void *const labels[] = {&&a, &&b, &&end};
	goto *labels[*code++];
a:	MARK(getppid);
	goto *labels[*code++];
b:	MARK(sysinfo);
	goto *labels[*code++];
end:	return;
}

static OPAQUE void relative(const unsigned char *code)
{
	static const int labels[] = {&&a - &&a, &&b - &&a, &&end - &&a};
	goto *(&&a + labels[*code++]);
a:	MARK(getpgrp);
	goto *(&&a + labels[*code++]);
b:	MARK(times);
	goto *(&&a + labels[*code++]);
end:	return;
}

static OPAQUE void runtime(const unsigned char *code)
{
	if (!code) {
		stored[0] = &&a, stored[1] = &&b, stored[2] = &&end;
		return;
	}
	goto *stored[*code++];
a:	MARK(getsid);
	goto *stored[*code++];
b:	MARK(getpriority);
	goto *stored[*code++];
end:	return;
}

int prog(int argc, char **argv)
{
	static const unsigned char code[] = {1, 0, 2};
	absolute(HIDE(&code[0]));
	relative(HIDE(&code[0]));
	runtime(0);
	runtime(HIDE(&code[0]));
	return 0;
}
