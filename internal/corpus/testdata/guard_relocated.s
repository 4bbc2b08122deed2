# Words that the loader writes, looked at in pieces: the upper half of a pointer, its last byte,
# a word that begins in the middle of one.
#
# BUILD: gcc {{pie}} {{src}} -o {{out}}
# BUILD: gcc -Wl,-z,pack-relative-relocs {{pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times
# UNRESOLVED: none
	.include "rt.inc"
	.text
func _start
	lea _start(%rip),%rbx
	shr $32,%rbx
	jz 1f			# loaded low: nothing to see
	cmpl $0,pointer+4(%rip)
	je 1f
	mov $110,%eax		# getppid
	syscall
1:	cmpb $0,pointer+5(%rip)
	je 1f
	mov $99,%eax		# sysinfo
	xor %edi,%edi
	syscall
1:	cmpq $0,pointer+3(%rip)
	je 1f
	mov $111,%eax		# getpgrp
	syscall
1:	mov pointer+4(%rip),%eax
	test %eax,%eax
	je 1f
	xor %edi,%edi
	mov $100,%eax		# times
	syscall
1:	exit0
endfunc _start
	.data
	.balign 16
pointer:
	.quad _start
	.quad 0
