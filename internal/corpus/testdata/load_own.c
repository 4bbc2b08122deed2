// A library under the application's own directory, at a path that the application puts together from where
// it lies: the loader would not find its name, which is a text all the same (java does so with libjvm.so).
//
// BUILD: mkdir -p parts/server && gcc -O2 -shared -fPIC -DLIB {{src}} -o parts/server/libown.so && gcc -O2 {{src}} -o {{out}}
// WANT: keyctl request_key
// IMAGE: libown.so
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
__attribute__((constructor)) static void start(void) { MARK(SYS_keyctl); }
void own_entry(void) { MARK(SYS_request_key); }
#else
int main(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
	if (n < 0)
		return 1;
	path[n] = 0;
	sprintf(strrchr(path, '/'), "/%s/%s/%s", "parts", "server", "libown.so");
	void *h = dlopen(path, RTLD_LAZY);
	if (!h)
		return 2;
	((void (*)(void))dlsym(h, "own_entry"))();
	return 0;
}
#endif
