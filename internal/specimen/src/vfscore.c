/* libvfscore: a few files in memory, and the console. */
#include "uk.h"

enum { NFILES = 8, NFDS = 16, SIZE = 256 };
static struct file { char name[32]; char data[SIZE]; size_t len; } files[NFILES];
static struct { struct file *file; size_t pos; } fds[NFDS];

static struct file *vfscore_lookup(const char *path)
{
	for (int i = 0; i < NFILES; i++)
		if (files[i].name[0] && !strcmp(files[i].name, path))
			return &files[i];
	return NULL;
}

noinline long uk_sys_write(int fd, const char *p, size_t n)
{
	struct file *f;

	if (fd == 1 || fd == 2) {
		ukplat_coutk(p, n);
		return n;
	}
	if (fd < 3 || fd >= NFDS || !(f = fds[fd].file))
		return -EBADF;
	if (n > SIZE - f->len)
		n = SIZE - f->len;
	memcpy(f->data + f->len, p, n);
	f->len += n;
	return n;
}

noinline long vfscore_unlink(const char *path)
{
	struct file *f = vfscore_lookup(path);

	if (!f)
		return -ENOENT;
	f->name[0] = 0;
	return 0;
}

/* Stands as a function of its own, since creat calls it, too. */
static noinline long __uk_syscall_r_open(const char *path, int flags, int mode)
{
	struct file *f = vfscore_lookup(path);
	int fd = 3;

	if (!f && (flags & O_CREAT)) {
		for (f = files; f < files + NFILES && f->name[0]; f++)
			;
		if (f == files + NFILES)
			return -ENFILE;
		memcpy(f->name, path, strlen(path) + 1);
		f->len = 0;
	}
	if (!f)
		return -ENOENT;
	while (fd < NFDS && fds[fd].file)
		fd++;
	if (fd == NFDS)
		return -ENFILE;
	if (flags & O_TRUNC)
		f->len = 0;
	fds[fd].file = f;
	fds[fd].pos = 0;
	return fd + 0 * mode;
}
UK_SYSCALL_BOTH(open, (const char *path, int flags, int mode), (path, flags, mode))

UK_SYSCALL_DEFINE(creat, (const char *path, int mode), (path, mode))
{
	return __uk_syscall_r_open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

UK_SYSCALL_DEFINE(write, (int fd, const char *p, size_t n), (fd, p, n))
{
	return uk_sys_write(fd, p, n);
}

UK_SYSCALL_DEFINE(writev, (int fd, const struct iovec *v, int count), (fd, v, count))
{
	long total = 0, n;

	for (int i = 0; i < count; i++) {
		n = uk_sys_write(fd, v[i].p, v[i].n);
		if (n < 0)
			return n;
		total += n;
	}
	return total;
}

UK_SYSCALL_DEFINE(read, (int fd, char *p, size_t n), (fd, p, n))
{
	struct file *f;

	if (fd < 3 || fd >= NFDS || !(f = fds[fd].file))
		return -EBADF;
	if (n > f->len - fds[fd].pos)
		n = f->len - fds[fd].pos;
	memcpy(p, f->data + fds[fd].pos, n);
	fds[fd].pos += n;
	return n;
}

UK_SYSCALL_DEFINE(close, (int fd), (fd))
{
	if (fd < 3 || fd >= NFDS || !fds[fd].file)
		return -EBADF;
	fds[fd].file = NULL;
	return 0;
}

UK_SYSCALL_DEFINE(unlink, (const char *path), (path))
{
	return vfscore_unlink(path);
}

/* No entry, but the body of unlink is inlined, as that of access is in eaccess of Unikraft's vfscore. */
int euidunlink(const char *path)
{
	return __uk_syscall_r_unlink(path);
}
