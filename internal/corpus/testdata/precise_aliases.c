// The list of other names of locales is short: glibc sorts it without asking how much memory there is.
//
// BUILD: gcc -O2 {{src}} -o {{out}}
// NOT: sysinfo
#include <locale.h>
#include <stddef.h>

int main(void)
{
	setlocale(LC_ALL, "no_such_name");
	return 0;
}
