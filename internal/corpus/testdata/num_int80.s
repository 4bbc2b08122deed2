# The 32-bit system calls, which a 64-bit program can make with int 0x80, have other
# numbers: 64 is getppid, 20 getpid. In 64-bit numbers they are semget and writev.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: i386/getppid i386/sysinfo getpgrp
# NOT: semget i386/semget kcmp i386/getpgrp ioprio_set
# UNRESOLVED: none
# NEEDS: int80
	.include "rt.inc"
	.text
func _start
	mov $64,%eax
	int $0x80
	xor %ebx,%ebx
	mov $116,%eax
	int $0x80
	mov $111,%eax
	syscall
	exit0
endfunc _start
