// What the libraries of the image share. Names and layout are Unikraft's; the code is ours.
#pragma once
typedef unsigned long size_t;
#define NULL ((void *)0)
#define LIB(name) const unsigned short _uk_libid_self_##name __attribute__((used)) = 1;
#define NOINLINE __attribute__((noinline))
#define SYS_read 0
#define SYS_write 1
#define SYS_open 2
#define SYS_close 3
#define SYS_mmap 9
#define SYS_ioctl 16
#define SYS_access 21
#define SYS_pipe 22
#define SYS_getpid 39
#define SYS_socket 41
#define SYS_bind 49
#define SYS_listen 50
#define SYS_mkdir 83
#define SYS_creat 85
#define SYS_getppid 110
#define SYS_getpgid 121
#define SYS_getsid 124
#define SYS_gettid 186
#define SYS_set_tid_address 218
#define SYS_faccessat 269

// A call as lib/syscall_shim defines it: a body, and two entries that have it inlined.
#define CALL(name) \
	static inline long __uk_syscall_r_##name(long a, long b, long c); \
	long uk_syscall_r_##name(long a, long b, long c) { return __uk_syscall_r_##name(a, b, c); } \
	long uk_syscall_e_##name(long a, long b, long c) { long r = __uk_syscall_r_##name(a, b, c); if (r < 0) { errno = -r; return -1; } return r; } \
	static inline long __uk_syscall_r_##name(long a, long b, long c)
#define PROTO(name) long uk_syscall_r_##name(long, long, long); long uk_syscall_e_##name(long, long, long);
extern int errno;
PROTO(read) PROTO(write) PROTO(open) PROTO(close) PROTO(ioctl) PROTO(access) PROTO(getpid) PROTO(socket) PROTO(bind) PROTO(listen)
PROTO(pipe) PROTO(mkdir) PROTO(creat) PROTO(getppid) PROTO(getpgid) PROTO(getsid) PROTO(gettid) PROTO(set_tid_address) PROTO(faccessat)
long uk_syscall_r(long nr, ...);
long uk_syscall(long nr, ...);
long uk_syscall6_r(void);
extern volatile int sink;

// libc
struct file { long (*write)(struct file *, const char *, size_t); int fd; };
extern struct file *const stdout;
void put(struct file *, const char *);
int printf(const char *);
int snprintf(char *, size_t, const char *);
void qsort(void *, size_t, size_t, int (*)(const void *, const void *));
int pthread_create(void *(*)(void *), void *);
int atexit(void (*)(void));
void exit(int);
long syscall(long nr, ...);
int bind(int, void *, int);
int listen(int, int);
