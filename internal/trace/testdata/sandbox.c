// Installs a filter of its own that answers getppid with an error, and makes the call;
// from a thread that was there before too.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int ready;
static void *other(void *arg) {
	while (!ready)
		;
	for (int i = 0; i < 2; i++)
		if (syscall(SYS_getppid) != -1 || errno != EPERM)
			_exit(2);
	return 0;
}

int main(void) {
	pthread_t t;
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {4, f};
	pthread_create(&t, 0, other, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &p))
		return 3;
	if (syscall(SYS_getppid) != -1 || errno != EPERM)
		return 1;
	ready = 1;
	pthread_join(t, 0);
	return 0;
}
