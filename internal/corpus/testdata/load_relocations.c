// Every kind of relocation that can bring a function into a table: relative ones in compact
// form (RELR) and not, symbolic with an addend, against a local symbol, PLT slots bound now or lazily.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{-pie -fPIE -Wl,-z,pack-relative-relocs|-pie -fPIE -Wl,-z,norelro|-pie -Wl,-z,now|-no-pie -fno-pie -Wl,-z,lazy}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp
// NOT: quotactl
// UNRESOLVED: none
// PITFALL: 11
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void (*func)(void);
extern char base[];
void imported(void);
void called(void);

#ifdef LIB
void imported(void) { MARK(SYS_keyctl); }
void called(void) { MARK(SYS_kcmp); }
void unused(void) { MARK(SYS_quotactl); }
// A function at a symbol plus 16.
__asm__(".text\n.balign 16\n.globl base\n.type base,@function\nbase: ud2\n.org base+16\n"
	"	mov $249,%eax\n	xor %edi,%edi\n	syscall\n	ret\n.size base,.-base\n");
#else
static void local(void) { MARK(SYS_ioprio_get); }
func table[] = {imported, (func)(base + 16), local, 0};
const func constant[] = {local, imported, 0};
static __attribute__((noipa)) void walk(const func *f)
{
	while (*f)
		(*f++)();
}

int main(void)
{
	walk(table);
	walk(constant);
	called();
	return 0;
}
#endif
