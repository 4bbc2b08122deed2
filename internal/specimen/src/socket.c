/* libposix_socket */
#include "uk.h"

static int bound[4] = { -1, -1, -1, -1 };
static int used;

UK_SYSCALL_DEFINE(socket, (int family, int type, int protocol), (family, type, protocol))
{
	if (family != 2 || (type != 1 && type != 2) || protocol)
		return -EINVAL;
	return 100 + (used++ & 3);
}

UK_SYSCALL_DEFINE(bind, (int fd, const u16 *addr, int len), (fd, addr, len))
{
	if (fd < 100 || fd >= 104 || len < 4)
		return -EBADF;
	bound[fd - 100] = addr[1];
	return 0;
}
