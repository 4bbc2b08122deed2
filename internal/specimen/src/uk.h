/* What the parts of the image share. Names are Unikraft's where they have one there. */
#ifndef UK_H
#define UK_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef unsigned long size_t;
typedef long ssize_t;
#define NULL ((void *)0)
#define noreturn __attribute__((noreturn))
#define noinline __attribute__((noinline, noclone))

enum { EPERM = 1, ENOENT = 2, EBADF = 9, ENOMEM = 12, EINVAL = 22, ENFILE = 23, ENOSYS = 38 };
enum { O_WRONLY = 1, O_CREAT = 64, O_TRUNC = 512 };

struct iovec { const char *p; size_t n; };

/* libc-like */
int *__errno_location(void);
#define errno (*__errno_location())
size_t strlen(const char *);
int strcmp(const char *, const char *);
int strncmp(const char *, const char *, size_t);
void *memcpy(void *, const void *, size_t);
void *memset(void *, int, size_t);
int printf(const char *, ...);
u64 strtoul(const char *, char **, int);
void qsort(void *, size_t, size_t, int (*)(const void *, const void *));
int atexit(void (*)(void));
void exit(int) noreturn;
int pthread_create(u64 *, void *(*)(void *), void *);
void *pthread_join(u64);
void *malloc(size_t);
void free(void *);
typedef u64 jmp_buf[8];
int setjmp(jmp_buf) __attribute__((returns_twice));
void longjmp(jmp_buf, int) noreturn;
int open(const char *, int, int);
int creat(const char *, int);
int close(int);
ssize_t read(int, void *, size_t);
ssize_t write(int, const void *, size_t);
int unlink(const char *);
int getpid(void);
int getppid(void);
int gettid(void);
int getuid(void);
int uname(char *);
int socket(int, int, int);
int bind(int, const void *, int);
u64 clock(void);
long syscall(long, ...);
void sched_yield(void);

/* The rights to memory with keys. */
#ifdef PKU
static inline __attribute__((always_inline)) u32 rdpkru(void)
{
	u32 v;

	asm volatile("rdpkru" : "=a"(v) : "c"(0) : "rdx");
	return v;
}
static inline __attribute__((always_inline)) void wrpkru(u32 v)
{
	asm volatile("xorl %%ecx, %%ecx\n\txorl %%edx, %%edx\n\twrpkru\n\tlfence" : : "a"(v) : "rcx", "rdx", "memory");
}
#else
static inline void wrpkru(u32 v) { (void)v; }
#endif

/* kernel */
struct uk_thread;
struct ukarch_ctx { u64 ip, sp; };
void ukarch_ctx_switch(struct ukarch_ctx *store, struct ukarch_ctx *load);
void _ctx_x86_call1(void);
struct uk_thread *uk_thread_current(void);
struct uk_thread *uk_sched_thread_create(void (*fn)(void *), void *arg, u64 tls);
void uk_sched_yield(void);
void uk_sched_thread_exit(void) noreturn;
int uk_thread_id(struct uk_thread *);
int uk_thread_exited(int id);
void uk_sched_init(void);
void *uk_malloc(size_t);
void uk_free(void *);
void uk_alloc_init(u64 start, u64 end);
u64 ukarch_tls_area_new(void);
void ukplat_tlsp_set(u64);
void ukplat_coutk(const char *, size_t);
void ukplat_terminate(int) noreturn;
void ukplat_irq_init(void);
u64 ukplat_ticks(void);
int ukplat_irq_register(void (*)(void));
const char *ukplat_cmdline(void);
void uk_boot_entry(void) noreturn;
int main(int, char **);

typedef void (*uk_ctor_func_t)(void);
#define UK_CTOR_PRIO(fn, prio) \
	static const uk_ctor_func_t __attribute__((used, section(".uk_ctortab" #prio))) __ctor_##fn = fn
typedef int (*uk_init_func_t)(void);
#define UK_INIT_PRIO(fn, prio) \
	static const uk_init_func_t __attribute__((used, section(".uk_inittab" #prio))) __init_##fn = fn

/* A system call has two entries, with its body inlined in both. */
#define UK_SYSCALL_BOTH(name, params, args)			\
	long uk_syscall_r_##name params				\
	{							\
		return __uk_syscall_r_##name args;		\
	}							\
	long uk_syscall_e_##name params				\
	{							\
		long ret = __uk_syscall_r_##name args;		\
								\
		if (ret < 0 && ret > -4096) {			\
			errno = -ret;				\
			return -1;				\
		}						\
		return ret;					\
	}
#define UK_SYSCALL_DEFINE(name, params, args)			\
	static inline __attribute__((always_inline)) long __uk_syscall_r_##name params; \
	UK_SYSCALL_BOTH(name, params, args)			\
	static inline __attribute__((always_inline)) long __uk_syscall_r_##name params

#define UK_SYSCALLS(X)	\
	X(read, 0) X(write, 1) X(open, 2) X(close, 3) X(writev, 20) X(sched_yield, 24) X(getpid, 39) \
	X(socket, 41) X(bind, 49) X(exit, 60) X(uname, 63) X(creat, 85) X(unlink, 87) X(getuid, 102) \
	X(getppid, 110) X(gettid, 186) X(futex, 202) X(set_tid_address, 218) X(clock_gettime, 228) \
	X(exit_group, 231)
#define X(name, nr) long uk_syscall_r_##name(long, long, long, long, long, long); \
	long uk_syscall_e_##name(long, long, long, long, long, long);
#ifdef UK_SYSCALL_CALLER
UK_SYSCALLS(X)
#endif
#undef X
long uk_syscall_r_clone(u64 flags, void *sp, int *ptid, int *ctid, u64 tls);
long uk_syscall6_r(long, long, long, long, long, long);	/* and the number in %rax */
long uk_syscall6(long, long, long, long, long, long, long);

#endif
