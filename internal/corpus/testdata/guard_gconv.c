// A program that sets the path of character set modules itself.
//
// BUILD: gcc -O{{0|2}} {{src}} -o {{out}}
// WANT: getcwd
#include <iconv.h>
#include <stdlib.h>

int main(void)
{
	setenv("GCONV_PATH", "relative", 1);
	iconv_open("UTF-16", "ISO-8859-2");
	return 0;
}
