#include "uk.h"
LIB(libsyscall_shim)
typedef __builtin_va_list va_list;
#define CASES(form) \
	switch (nr) { \
	case SYS_read: return uk_syscall_##form##_read(a, b, c); \
	case SYS_write: return uk_syscall_##form##_write(a, b, c); \
	case SYS_open: return uk_syscall_##form##_open(a, b, c); \
	case SYS_close: return uk_syscall_##form##_close(a, b, c); \
	case SYS_ioctl: return uk_syscall_##form##_ioctl(a, b, c); \
	case SYS_access: return uk_syscall_##form##_access(a, b, c); \
	case SYS_getpid: return uk_syscall_##form##_getpid(a, b, c); \
	case SYS_socket: return uk_syscall_##form##_socket(a, b, c); \
	case SYS_bind: return uk_syscall_##form##_bind(a, b, c); \
	case SYS_listen: return uk_syscall_##form##_listen(a, b, c); \
	case SYS_creat: return uk_syscall_##form##_creat(a, b, c); \
	case SYS_getppid: return uk_syscall_##form##_getppid(a, b, c); \
	case SYS_getpgid: return uk_syscall_##form##_getpgid(a, b, c); \
	case SYS_getsid: return uk_syscall_##form##_getsid(a, b, c); \
	case SYS_gettid: return uk_syscall_##form##_gettid(a, b, c); \
	case SYS_set_tid_address: return uk_syscall_##form##_set_tid_address(a, b, c); \
	case SYS_faccessat: return uk_syscall_##form##_faccessat(a, b, c); \
	} return -38;
NOINLINE long uk_vsyscall_r(long nr, va_list v) {
	long a = __builtin_va_arg(v, long), b = __builtin_va_arg(v, long), c = __builtin_va_arg(v, long);
	CASES(r)
}
long uk_syscall_r(long nr, ...) { va_list v; __builtin_va_start(v, nr); long r = uk_vsyscall_r(nr, v); __builtin_va_end(v); return r; }
long uk_syscall(long nr, ...) {
	va_list v; __builtin_va_start(v, nr);
	long a = __builtin_va_arg(v, long), b = __builtin_va_arg(v, long), c = __builtin_va_arg(v, long);
	CASES(e)
}
NOINLINE long six(long nr, long a, long b, long c) { CASES(r) }
#ifdef TRAP
// Binary compatibility: what the processor enters for a syscall instruction, and what that calls.
NOINLINE long uk_syscall6_r_e(long *regs) {
	long nr = regs[0], a = regs[1], b = regs[2], c = regs[3];
	if (nr == SYS_pipe) return uk_syscall_r_pipe(a, b, c);
	CASES(r)
}
void ukplat_syscall_handler(long *regs) { regs[0] = uk_syscall6_r_e(regs); sink++; }
__asm__(".globl _ukplat_syscall\n.type _ukplat_syscall,@function\n_ukplat_syscall:\n push %rcx\n push %r11\n push %rdx\n push %rsi\n push %rdi\n push %rax\n mov %rsp,%rdi\n call ukplat_syscall_handler\n"
	" pop %rax\n pop %rdi\n pop %rsi\n pop %rdx\n pop %r11\n pop %rcx\n jmp *%rcx\n.size _ukplat_syscall,.-_ukplat_syscall\n");
#endif
// The number is in rax, and not the first argument.
__asm__(".globl uk_syscall6_r\n.type uk_syscall6_r,@function\nuk_syscall6_r:\n push %rax\n mov %rdi,%rsi\n pop %rdi\n jmp six\n.size uk_syscall6_r,.-uk_syscall6_r\n");
