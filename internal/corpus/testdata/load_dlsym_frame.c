// A handle that is RTLD_DEFAULT, kept by unoptimised code in a frame whose address is given away: what dlsym gets is not known,
// and must not be taken for the handle of a file that was opened. The names are those of a table.
//
// BUILD: {{gcc -O0|clang -O0}} -rdynamic {{src}} -o {{out}}
// WANT: keyctl request_key
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void call(void);

void first(void) { MARK(SYS_keyctl); }
void second(void) { MARK(SYS_request_key); }
void third(void) {}

const char *names[] = {"first", "second"};
call *found[2];

void find(void *handle, int n, ...) {
  va_list list;
  va_start(list, n);
  for (int i = 0; i < n; i++)
    found[i] = (call *)dlsym(handle, va_arg(list, const char *)[0] == 'a' ? names[i] : "third");
  va_end(list);
}

int main(void) {
  find(RTLD_DEFAULT, 2, "a", "a");
  found[0]();
  found[1]();
}
