// Libraries that are opened by a plain name and by an absolute path: the loader needs no working directory.
//
// BUILD: gcc -O2 {{src}} -o {{out}}
// NOT: getcwd
#include <dlfcn.h>
#include <stddef.h>

__attribute__((noipa)) static void *open_it(const char *name) { return dlopen(name, RTLD_NOW); }

int main(void) { return !dlopen("libm.so.6", RTLD_NOW) || !open_it("/lib/x86_64-linux-gnu/libm.so.6") || !dlopen(NULL, RTLD_NOW); }
