// A library that looks the number of its only call up: what its code does not show is a fact about it.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -Wl,-soname,libseccomp.so.2 -o libseccomp.so.2 && gcc -O2 {{src}} ./libseccomp.so.2 -Wl,-rpath,$PWD -o {{out}}
// WANT: seccomp keyctl
// UNRESOLVED: none
#include <sys/syscall.h>
#include <unistd.h>

#ifdef LIB
static int number = -1;

static __attribute__((noipa)) int resolve(const char *name) { return SYS_seccomp + name[0] - 's'; }

void load(void)
{
	number = resolve("seccomp");
	syscall(number, 0, 1, 0);
	syscall(SYS_keyctl, -1);
}
#else
void load(void);

int main(void)
{
	load();
	return 0;
}
#endif
