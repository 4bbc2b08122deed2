// musl's functions, those that may be cancelled among them, and its syscall().
//
// BUILD: musl-gcc -O2 {{src}} -static -o {{out}}
// BUILD: musl-gcc -O2 {{src}} -o {{out}}
// ARGS: socket.family=0x1 flock.cmd=0x8 msync.flags=0x4 recvfrom.flags=0x40 getpriority.which=0x0,0x1 keyctl.option=0x6,0x7
// UNRESOLVED: none
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char c;
	close(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	flock(-1, LOCK_UN);
	recv(-1, &c, 1, MSG_DONTWAIT);
	msync(0, 0, MS_SYNC);
	getpriority(PRIO_PROCESS, 0);
	syscall(SYS_getpriority, PRIO_PGRP, 0);
	syscall(SYS_keyctl, 6, -1);
	syscall(SYS_keyctl, 7, -1);
	return 0;
}
