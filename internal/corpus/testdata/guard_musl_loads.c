// Libraries that musl's loader finds when the program asks for them: directly, through a library, by dlsym.
//
// BUILD: musl-gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && musl-gcc -O2 {{|-DBY_NAME}} {{src}} -o {{out}}
// BUILD: musl-gcc -O2 -shared -fPIC -DLIB {{src}} -Wl,-soname,libx.so -o {{dir}}/libx.so && musl-gcc -O2 -DLINKED {{src}} {{dir}}/libx.so -Wl,-rpath,{{'$ORIGIN'|'$ORIGIN:/nowhere'}} -o {{out}}
// WANT: open fstat read close readlink
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef LIB
int f(void) { return 0; }
#else
int f(void);
int main(int argc, char **argv)
{
	char b[4];
#ifdef LINKED
	return f();
#elif defined BY_NAME
	readlink("/nowhere", b, sizeof b);
	void *(*open)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_DEFAULT, "dlopen");
	return !open("./libx.so", RTLD_NOW) && !open("/proc/self/exe", RTLD_NOW);
#else
	readlink("/nowhere", b, sizeof b);
	return !dlopen("./libx.so", RTLD_NOW) && !dlopen("/proc/self/exe", RTLD_NOW);
#endif
}
#endif
