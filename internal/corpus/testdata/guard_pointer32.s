# 32-bit addresses of variables in the data of a position-dependent file, and the forms of instructions
# that have an absolute address.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getuid
# UNRESOLVED: none
	.include "rt.inc"
	.text
func _start
	mov pointer(%rip),%eax
	movl $1,(%rax)
	mov $1,%al
	movabs %al,by_moffs
	movl $1,%gs:by_segment
	mov $4,%eax
	movl $1,by_index-16(,%rax,4)
	addr32 movl $1,by_short
	cmpl $0,by_pointer(%rip)
	je 1f
	mov $110,%eax		# getppid
	syscall
1:	cmpb $0,by_moffs(%rip)
	je 1f
	mov $99,%eax		# sysinfo
	xor %edi,%edi
	syscall
1:	cmpl $0,by_segment(%rip)
	je 1f
	mov $111,%eax		# getpgrp
	syscall
1:	cmpl $0,by_index(%rip)
	je 1f
	xor %edi,%edi
	mov $100,%eax		# times
	syscall
1:	cmpl $0,by_short(%rip)
	je 1f
	mov $102,%eax		# getuid
	syscall
1:	exit0
endfunc _start
	.data
	.balign 64
pointer:
	.long by_pointer, 7
	.bss
	.balign 64
by_pointer: .zero 64
by_moffs: .zero 64
by_segment: .zero 64
by_index: .zero 64
by_short: .zero 64
