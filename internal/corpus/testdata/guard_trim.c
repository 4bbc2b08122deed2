// One thread alone gives memory back when it is told to.
//
// BUILD: gcc -O2 {{|-static}} {{src}} -o {{out}}
// WANT: madvise
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char *p[100];
	for (int i = 0; i < 100; i++)
		memset(p[i] = malloc(50000), 1, 50000);
	for (int i = 0; i < 99; i++)
		free(p[i]);
	malloc_trim(0);
	return 0;
}
