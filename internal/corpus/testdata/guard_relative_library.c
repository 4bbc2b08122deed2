// A library that is found by a relative path: ld.so completes its name with the working directory.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{src}} -o {{out}}
// WANT: getcwd
#ifdef LIB
int answer(void) { return 42; }
#else
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

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
	return !dlopen("./libx.so", RTLD_NOW);
}
#endif
