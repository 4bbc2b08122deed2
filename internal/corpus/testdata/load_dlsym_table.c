// Names for dlsym out of a table that a program passes to a library's function, which has no handle: they are the program's own functions.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && {{gcc -O1|gcc -O2|gcc -O2 -fno-plt|clang -O2}} -rdynamic {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void call(void);

void all(const char *const *names, call **to, long n);

#ifdef LIB
void all(const char *const *names, call **to, long n) {
  for (long i = 0; i < n; i++)
    to[i] = (call *)dlsym(RTLD_DEFAULT, names[i]);
}
#else
void first(void) { MARK(SYS_keyctl); }
void second(void) { MARK(SYS_request_key); }
static const char *const names[] = {"first", "second"};
call *found[2];

int main(void) {
  all(names, found, 2);
  found[0]();
  found[1]();
}
#endif
