// A library that opens another by the name that the program gives: a token in it stands for where the library is, which the
// loader knows.
//
// BUILD: gcc -O2 -shared -fPIC -DX {{src}} -o {{dir}}/libx.so && gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/liby.so && gcc -O2 {{src}} {{dir}}/liby.so -o {{out}}
// NOT: readlink
#include <dlfcn.h>
#ifdef X
int answer(void) { return 42; }
#elif defined LIB
int opens(const char *name)
{
	void *h = dlopen(name, RTLD_NOW);
	return h != 0;
}
#else
int opens(const char *);
int main(void) { return !opens("$ORIGIN/libx.so"); }
#endif
