// A program whose libraries have plain names: the loader does not ask where anything is.
//
// BUILD: gcc -O2 {{src}} -o {{out}}
// NOT: readlink getcwd
#include <stdio.h>

int main(void) { return puts("hello") < 0; }
