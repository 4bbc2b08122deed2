// A library that opens another with a token in its name for the program: it jumps to dlopen, so that the loader takes
// the program for the caller, or gives it a pointer to dlopen. The jump is to an entry of the PLT, through a slot or to what a
// register holds, and may be all that the function does.
//
// BUILD: gcc -O2 -shared -fPIC -DX {{src}} -o {{dir}}/libx.so && {{gcc -O2|gcc -O2 -fno-plt|gcc -O2 -mcmodel=large|clang -O2 -fno-plt}} -shared -fPIC -DLIB -D{{JUMP|POINTER|ALL}} {{src}} -o {{dir}}/liby.so && gcc -O2 {{src}} {{dir}}/liby.so -o {{out}}
// WANT: readlink
#include <dlfcn.h>
#include <stddef.h>
#ifdef X
int answer(void) { return 42; }
#elif defined LIB
#ifdef ALL
void *(*opener(void))(const char *, int) { return 0; }
#elif defined JUMP
static void *jump(const char *name) { return dlopen(name, RTLD_NOW); }
void *(*opener(void))(const char *) { return jump; }
#else
void *(*opener(void))(const char *, int) { return dlopen; }
#endif
void *opens(const char *name, int flags)
{
#ifdef ALL
	return dlopen(name, flags);
#endif
	return 0;
}
#else
void *(*opener(void))(const char *, int);
void *opens(const char *, int);
int main(void)
{
	const char *name = "$ORIGIN/libx.so";
	return !opens(name, RTLD_NOW) && !opener()(name, RTLD_NOW);
}
#endif
