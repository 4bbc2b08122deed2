// The same through a pointer to the function.
//
// BUILD: gcc -O{{0|2}} {{src}} -o {{out}}
// WANT: getcwd
#include <libintl.h>
#include <locale.h>

static char *(*volatile bind)(const char *, const char *) = bindtextdomain;

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "C.UTF-8");
	bind("guard", "po");
	return dgettext("guard", "text")[0] != 't';
}
