// Thread-local variables that need more memory than musl has in the file.
//
// BUILD: musl-gcc -O2 -static {{src}} -o {{out}}
// WANT: mmap
static _Thread_local char much[5000];
int main(void) { return ((volatile char *)much)[4000]; }
