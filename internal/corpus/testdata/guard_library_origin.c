// A library that opens another with a token in its name for the program: it jumps to dlopen, so that the loader takes
// the program for the caller, or gives it a pointer to dlopen.
//
// BUILD: gcc -O2 -shared -fPIC -DX {{src}} -o {{dir}}/libx.so && gcc -O2 -shared -fPIC -DLIB -D{{JUMP|POINTER}} {{src}} -o {{dir}}/liby.so && gcc -O2 {{src}} {{dir}}/liby.so -o {{out}}
// WANT: readlink
#include <dlfcn.h>
#include <stddef.h>
#ifdef X
int answer(void) { return 42; }
#elif defined LIB
#ifdef JUMP
static void *jump(const char *name) { return dlopen(name, RTLD_NOW); }
void *(*opener(void))(const char *) { return jump; }
#else
void *(*opener(void))(const char *, int) { return dlopen; }
#endif
#else
void *(*opener(void))(const char *, int);
int main(void) { return !opener()("$ORIGIN/libx.so", RTLD_NOW); }
#endif
