# The bytes of sysenter and int 0x80 in code that never runs make no call, and
# code after a sysenter that does run would not be reached, since the kernel returns elsewhere.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid
# NOT: i386/getpid i386/getppid i386/reboot reboot
# UNRESOLVED: none
	.include "rt.inc"
	.text
func _start
	mov $110,%eax
	syscall
	exit0
endfunc _start
func dead
	mov $20,%eax
	sysenter
	mov $88,%eax
	int $0x80
	ret
endfunc dead
