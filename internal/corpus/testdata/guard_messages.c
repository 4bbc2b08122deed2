// Directories of messages that are relative: in a buffer that is filled in at run time, but holds an
// absolute one in the file, and behind a pointer.
//
// BUILD: gcc -O{{0|2}} {{src}} -o {{out}}
// BUILD: gcc -O2 -no-pie -fno-pie {{|-static}} {{src}} -o {{out}}
// WANT: getcwd
#include <libintl.h>
#include <locale.h>
#include <string.h>

static char directory[100] = "/usr/share/locale";

int main(int argc, char **argv)
{
	strcpy(directory, "po");
	setlocale(LC_ALL, "C.UTF-8");
	bindtextdomain("guard", directory);
	return dgettext("guard", "text")[0] != 't';
}
