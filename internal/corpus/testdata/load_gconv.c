// Converting characters loads a module by a name from a table of libc. In a static program no dynamic symbol says that
// iconv_open is live, and the module brings a second C library.
//
// BUILD: gcc -O2{{| -static| -static-pie}} -w {{src}} -o {{out}}
// WANT: openat
// DLOPEN: gconv
// IMAGE: CP932.so
// HOST: yes
#include <iconv.h>
#include <stddef.h>

int main(void)
{
	iconv_t c = iconv_open("UTF-8", "CP932");
	if (c == (iconv_t)-1)
		return 1;
	char in[] = "text", out[16], *i = in, *o = out;
	size_t n = 4, m = 16;
	return iconv(c, &i, &n, &o, &m) == (size_t)-1;
}
