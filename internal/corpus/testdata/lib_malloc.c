// The program's own malloc: nothing in the program calls it, but libc does, by its versioned reference, and
// the loader, which looks the four allocation functions up by name.
//
// BUILD: gcc -O2 {{-pie|-no-pie}} -fno-builtin {{src}} -Wl,--export-dynamic -o {{out}}
// WANT: keyctl request_key
// NOT: quotactl
// UNRESOLVED: none
// PITFALL: 13
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

static char pool[1 << 20];
static size_t used;

void *malloc(size_t n)
{
	MARK(SYS_keyctl);
	void *p = pool + used;
	used += (n + 15) & ~(size_t)15;
	return p;
}
void *calloc(size_t n, size_t m) { return malloc(n * m); }
void *realloc(void *p, size_t n) { return malloc(n); }
void free(void *p) { MARK(SYS_request_key); }
__attribute__((used)) static void dead(void) { MARK(SYS_quotactl); }

int main(void)
{
	FILE *f = fopen("/dev/null", "r");
	fclose(f);
	return 0;
}
