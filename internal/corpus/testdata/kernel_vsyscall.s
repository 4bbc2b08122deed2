# The vsyscall page, at a fixed address above everything: the kernel emulates its three
# functions, and a filter sees gettimeofday, time and getcpu. A tracer does not.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: exit_group
# ELSEWHERE: gettimeofday time getcpu
# UNRESOLVED: none
# TRAP: 10
	.include "rt.inc"
	.text
func _start
	xor %edi,%edi
	xor %esi,%esi
	mov $0xffffffffff600000,%rax
	call *%rax
	mov $-10485760+0x400,%rbx
	call through
	call *page(%rip)
	exit0
endfunc _start

func through
	call *%rbx
	ret
endfunc through
	.data
	.balign 8
page:	.quad 0xffffffffff600800
