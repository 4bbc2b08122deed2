// A static program whose streams have character sets: of their own, or of a locale; modules of gconv may have to be loaded.
//
// BUILD: gcc -O2 -w -static -D{{MODE|CHOSEN|REOPEN|LOCALE|NEW}} {{src}} -o {{out}}
// ELSEWHERE: pread64
#define _GNU_SOURCE
#include <locale.h>
#include <stdio.h>
#include <wchar.h>

int main(int argc, char **argv)
{
#if defined MODE
	FILE *f = fopen("/dev/null", "r,ccs=ISO-8859-2");
#elif defined CHOSEN
	FILE *f = fopen("/dev/null", argc > 1 ? argv[1] : "r");
#elif defined REOPEN
	FILE *f = freopen("/dev/null", "w,ccs=ISO-8859-2", stdout);
#elif defined LOCALE
	setlocale(LC_ALL, "");
#else
	uselocale(newlocale(LC_ALL_MASK, "", 0));
#endif
	wprintf(L"text\n");
	return 0;
}
