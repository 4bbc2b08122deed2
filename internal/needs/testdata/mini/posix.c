#include "uk.h"
LIB(libposix)
int errno;
volatile int sink;
long uk_sys_write(long fd, const char *b, long n);

CALL(read) { return sink = a + b + c; }
CALL(write) { return uk_sys_write(a, (const char *)b, c); }
NOINLINE long uk_sys_write(long fd, const char *b, long n) { return sink = fd + *b + n; }
CALL(close) { return sink = a; }
CALL(ioctl) { return sink = a + b; }
CALL(getpid) { return sink; }
CALL(getppid) { return sink + 1; }
CALL(getpgid) { return sink + a; }
CALL(getsid) { return sink - a; }
CALL(gettid) { return sink + 2; }
// a call that makes another one
CALL(set_tid_address) { return uk_syscall_r_gettid(0, 0, 0) + a; }
CALL(socket) { return sink = a; }
CALL(bind) { return sink = a + b; }
CALL(listen) { return sink = a - b; }
// a body that is inlined in another call
CALL(access) { return sink = a * 3; }
CALL(faccessat) { return __uk_syscall_r_access(b, c, 0); }
// and in functions that are no entries, one of which nothing calls
NOINLINE long eaccess(long a) { return __uk_syscall_r_access(a, 4, 0); }
NOINLINE long euidaccess(long a) { return __uk_syscall_r_access(a, 5, 0); }
// a body that stands as a function of its own, and is called around the entry
static NOINLINE long __uk_syscall_r_open(long a, long b, long c) { return sink = a + b * c; }
long uk_syscall_r_open(long a, long b, long c) { return __uk_syscall_r_open(a, b, c); }
long uk_syscall_e_open(long a, long b, long c) { long r = __uk_syscall_r_open(a, b, c); if (r < 0) { errno = -r; return -1; } return r; }
CALL(creat) { return __uk_syscall_r_open(a, 0101, b); }
#ifdef HAND
CALL(mkdir) { return sink = a * 7; }
#endif
#ifdef TRAP
CALL(pipe) { return sink = a / 3; } // nobody makes it, but who can make any
#endif
#ifdef INSIDE
__asm__(".globl uk_syscall_r_pause\n.type uk_syscall_r_pause,@function\nuk_syscall_r_pause: xor %eax,%eax\n.globl pause_middle\npause_middle: ret\n.size uk_syscall_r_pause,.-uk_syscall_r_pause\n");
#endif
