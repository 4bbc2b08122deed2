// A program that sets the path of character set modules itself.
//
// BUILD: gcc -O{{0|2}} -DSET='setenv("GCONV_PATH","relative",1)' {{src}} -o {{out}}
// BUILD: gcc -O2 -DSET='putenv("GCONV_PATH=relative")' {{src}} -o {{out}}
// BUILD: gcc -O2 -static -DSET={{'setenv("GCONV_PATH","relative",1)'|'putenv("GCONV_PATH=relative")'}} {{src}} -o {{out}}
// WANT: getcwd getdents64
#include <iconv.h>
#include <stdlib.h>

int main(void)
{
	SET;
	iconv_open("UTF-16", "ISO-8859-2");
	return 0;
}
