// A static program loads a library with the glibc that it has in itself: no dynamic symbol says that dlopen is live.
//
// BUILD: gcc -O2 -shared -fPIC -nostdlib -DLIB {{src}} -o libplugin.so && gcc -O2 -static -w -DPATH=\"$PWD/libplugin.so\" {{src}} -o {{out}}
// WANT: keyctl request_key
// IMAGE: libplugin.so
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
__attribute__((constructor)) static void start(void) { MARK(SYS_keyctl); }
void plugged(void) { MARK(SYS_request_key); }
#else
int main(void)
{
	void *h = dlopen(PATH, RTLD_LAZY);
	if (!h)
		return 2;
	((void (*)(void))dlsym(h, "plugged"))();
	return 0;
}
#endif
