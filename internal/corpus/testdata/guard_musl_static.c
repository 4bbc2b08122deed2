// A static program with musl that closes a stream, waits for one in two threads, has much thread-local memory.
//
// BUILD: musl-gcc -O2 -static -D{{CLOSE|REOPEN|PIPE}} {{src}} -o {{out}}
// WANT: close
#define _GNU_SOURCE
#include <stdio.h>
int main(void)
{
#if defined CLOSE
	return fclose(stdout);
#elif defined REOPEN
	return !freopen("/dev/null", "w", stdout);
#else
	return pclose(popen("true", "r")) < 0;
#endif
}
