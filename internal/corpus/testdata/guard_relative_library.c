// A library that is found by a relative path: ld.so completes its name with the working directory. The path is a constant, that of
// another function, one that is made, given through a pointer, and to functions that are looked up or take a namespace.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -D{{CONSTANT|PASSED|MADE|POINTER|FOUND|NAMESPACE}} {{src}} -o {{out}}
// WANT: getcwd
#define _GNU_SOURCE
#ifdef LIB
int answer(void) { return 42; }
#else
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

__attribute__((noipa)) static void *open_it(const char *name) { return dlopen(name, RTLD_NOW); }

int main(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n <= 0)
		return 1;
	path[n] = 0;
	*strrchr(path, '/') = 0;
	if (chdir(path))
		return 1;
#ifdef CONSTANT
	return !dlopen("./libx.so", RTLD_NOW);
#elif defined PASSED
	return !open_it("libm.so.6") || !open_it("./libx.so");
#elif defined MADE
	strcpy(path, "./");
	strcat(path, "libx.so");
	return !dlopen(path, RTLD_NOW);
#elif defined NAMESPACE
	return !dlmopen(LM_ID_BASE, "./libx.so", RTLD_NOW);
#else
	void *(*volatile f)(const char *, int);
#ifdef FOUND
	f = (void *(*)(const char *, int))dlsym(RTLD_DEFAULT, "dlopen");
#else
	f = dlopen;
#endif
	return !f("./libx.so", RTLD_NOW);
#endif
}
#endif
