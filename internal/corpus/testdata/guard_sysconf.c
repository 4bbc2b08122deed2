// sysconf counts processors and memory only for some names: one that the run chooses, and mkdtemp's directory.
//
// BUILD: gcc -O2 {{-DCONSTANT|-DRUN_TIME|-DPOINTER}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{-static|-static-pie}} {{-DCONSTANT|-DRUN_TIME|-DPOINTER}} {{src}} -o {{out}}
// WANT: sysinfo mkdir
#include <stdlib.h>
#include <unistd.h>

static long (*volatile pointer)(int) = sysconf;

int main(int argc, char **argv)
{
	char name[] = "/tmp/guardXXXXXX";
	if (!mkdtemp(name) || rmdir(name))
		return 1;
#ifdef CONSTANT
	return sysconf(_SC_PHYS_PAGES) < 1 || sysconf(_SC_NPROCESSORS_ONLN) < 1;
#elif defined RUN_TIME
	return sysconf(_SC_PHYS_PAGES + argc - 1) < 1 || sysconf(_SC_PHYS_PAGES - argc) < 1;
#else
	return pointer(_SC_PHYS_PAGES) < 1 || pointer(_SC_NPROCESSORS_ONLN) < 1;
#endif
}
