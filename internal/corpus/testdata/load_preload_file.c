// /etc/ld.so.preload of the scanned root: its library's constructor runs in every program, and it
// interposes on what others define.
//
// BUILD: mkdir -p root/etc root/lib root/lib64 && gcc -O2 -shared -fPIC -DLIB {{src}} -o root/lib/pre.so && gcc -O2 {{src}} -o root/prog && cp $(ldd root/prog | grep -o '/[^ ]*') root/lib && cp /lib64/ld-linux-x86-64.so.2 root/lib64 && echo /lib/pre.so >root/etc/ld.so.preload
// ROOT: {{dir}}/root
// NEEDS: root
// WANT: keyctl request_key
// IMAGE: pre.so
// STRIP: no
// TRAP: 10
#include <sys/syscall.h>
#include <unistd.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
__attribute__((constructor)) static void start(void) { MARK(SYS_keyctl); }
int getpagesize(void) { MARK(SYS_request_key); return 4096; }
#else
int main(void) { return getpagesize() != 4096; }
#endif
