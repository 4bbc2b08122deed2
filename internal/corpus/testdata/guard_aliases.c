// The list of other names of locales may be long: that it is not is not taken for granted.
//
// BUILD: gcc -O2 {{src}} -o {{out}}
// DOUBT: locale-aliases
// ELSEWHERE: sysinfo
#include <locale.h>
#include <stddef.h>

int main(void)
{
	setlocale(LC_ALL, "no_such_name");
	return 0;
}
