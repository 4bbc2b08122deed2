// qsort asks how much memory there is before it sorts 1024 bytes or more: called by its name, by another that does it,
// through a pointer, by a function that is looked up, and by the C library for the program.
//
// BUILD: gcc -O2 -D{{SORT|SORT_R|POINTER|FOUND}} {{src}} -o {{out}}
// BUILD: gcc -O2 -DSCAN {{src}} -o {{out}}
// WANT: sysinfo
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <locale.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static long numbers[1000];

static int order(const void *a, const void *b) { return (*(long *)a > *(long *)b) - (*(long *)a < *(long *)b); }
static int order_r(const void *a, const void *b, void *c) { return order(a, b); }

int main(void)
{
	setlocale(LC_ALL, "no_such_name");
#ifdef SORT
	qsort(numbers, 1000, sizeof *numbers, order);
#elif defined SORT_R
	qsort_r(numbers, 1000, sizeof *numbers, order_r, NULL);
#elif defined SCAN
	char dir[] = "/tmp/guardXXXXXX", name[16];
	struct dirent **all;
	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	for (int i = 0; i < 200; i++) {
		sprintf(name, "f%d", i);
		if (mkdir(name, 0700))
			return 1;
	}
	int n = scandir(".", &all, NULL, alphasort);
	for (int i = 0; i < 200; i++) {
		sprintf(name, "f%d", i);
		rmdir(name);
	}
	return rmdir(dir) || n != 202;
#else
	void (*volatile f)(void *, size_t, size_t, int (*)(const void *, const void *));
#ifdef FOUND
	f = dlsym(RTLD_DEFAULT, "qsort");
#else
	f = qsort;
#endif
	f(numbers, 1000, sizeof *numbers, order);
#endif
	return 0;
}
