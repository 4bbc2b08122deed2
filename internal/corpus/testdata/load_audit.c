// DT_AUDIT: a library that ld.so loads before all others, and whose la_* functions it calls.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/audit.so && gcc -O2 {{src}} -Wl,--audit={{dir}}/audit.so -o {{out}}
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/audit.so && gcc -O2 -shared -fPIC -DNEED {{src}} -Wl,--audit={{dir}}/audit.so -o {{dir}}/libneed.so && gcc -O2 {{src}} -Wl,--no-as-needed -Wl,--depaudit={{dir}}/audit.so {{dir}}/libneed.so -o {{out}}
// WANT: keyctl request_key ioprio_get
// IMAGE: audit.so
// TRAP: 10
#define _GNU_SOURCE
#include <link.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
unsigned la_version(unsigned v) { MARK(SYS_keyctl); return LAV_CURRENT; }
unsigned la_objopen(struct link_map *m, Lmid_t id, uintptr_t *cookie) { MARK(SYS_request_key); return 0; }
void la_preinit(uintptr_t *cookie) { MARK(SYS_ioprio_get); }
#elif defined NEED
void need(void) {}
#else
int main(void) { return 0; }
#endif
