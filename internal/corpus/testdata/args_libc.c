// A program with libc: its functions, and its syscall().
//
// BUILD: gcc -O2 {{src}} -o {{out}}
// BUILD: gcc -O2 -static {{src}} -o {{out}}
// ARGS: socket.family=0x1 socket.type=0x1,0x80002 socket.protocol=0x0 listen.backlog=0x5 flock.cmd=0x8 prctl.option=0xf,0x17
// ARGS: getpriority.which=0x0,0x1 keyctl.option=0x6,0x7
// UNRESOLVED: none
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	close(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	listen(s, 5);
	flock(s, LOCK_UN);
	prctl(PR_SET_NAME, "args", 0, 0, 0);
	prctl(PR_CAPBSET_READ, 0, 0, 0, 0);
	getpriority(PRIO_PROCESS, 0);
	syscall(SYS_getpriority, PRIO_PGRP, 0);
	syscall(SYS_keyctl, 6, -1);
	syscall(SYS_keyctl, 7, -1);
	int n;
	ioctl(0, FIONREAD, &n);
	fcntl(0, F_GETFD);
	return 0;
}
