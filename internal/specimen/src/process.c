/* libposix_process, libposix_futex, libposix_time, libposix_user: the small calls. */
#include "uk.h"

UK_SYSCALL_DEFINE(getpid, (void), ()) { return 1; }
UK_SYSCALL_DEFINE(getppid, (void), ()) { return 7; }
UK_SYSCALL_DEFINE(getuid, (void), ()) { return 1000; }
UK_SYSCALL_DEFINE(gettid, (void), ()) { return uk_thread_id(uk_thread_current()); }
UK_SYSCALL_DEFINE(set_tid_address, (int *p), (p))
{
	return p ? uk_syscall_r_gettid() : -EINVAL;
}
UK_SYSCALL_DEFINE(sched_yield, (void), ()) { uk_sched_yield(); return 0; }
UK_SYSCALL_DEFINE(clock_gettime, (int id, u64 *t), (id, t))
{
	if (!t)
		return -EINVAL;
	t[0] = ukplat_ticks();
	t[1] = id;
	return 0;
}
UK_SYSCALL_DEFINE(uname, (char *buf), (buf))
{
	if (!buf)
		return -EINVAL;
	memcpy(buf, "specimen", 9);
	return 0;
}
/* Waits for the end of a thread. */
UK_SYSCALL_DEFINE(futex, (int id, int op), (id, op))
{
	if (op != 0)
		return -EINVAL;
	while (!uk_thread_exited(id))
		uk_sched_yield();
	return 0;
}
UK_SYSCALL_DEFINE(exit, (int status), (status))
{
	if (status >= 0)
		uk_sched_thread_exit();
	return -EINVAL;
}
UK_SYSCALL_DEFINE(exit_group, (int status), (status))
{
	ukplat_terminate(status);
	return 0;
}

static void child(void *sp)
{
	void (*fn)(void *) = ((void (**)(void *))sp)[0];

	fn(((void **)sp)[1]);
	uk_sched_thread_exit();
}

long uk_syscall_r_clone(u64 flags, void *sp, int *ptid, int *ctid, u64 tls)
{
	struct uk_thread *t;

	if (!sp || (ptid && ctid && flags))
		return -EINVAL;
	t = uk_sched_thread_create(child, sp, tls);
	return t ? uk_thread_id(t) : -ENOMEM;
}

long uk_syscall_e_clone(u64 flags, void *sp, int *ptid, int *ctid, u64 tls)
{
	long ret = uk_syscall_r_clone(flags, sp, ptid, ctid, tls);

	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	return ret;
}
