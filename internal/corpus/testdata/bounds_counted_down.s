# A counter that goes down from 0 is added to the address of the end of an array: it leads backwards.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp
# UNRESOLVED: none
	.include "rt.inc"
	.text
func _start
	call walk
	exit0
endfunc _start
func walk
	push %rbx
	push %r12
	lea table+24(%rip),%rbx
	xor %r12d,%r12d
1:	sub $8,%r12
	lea (%rbx,%r12),%rdi
	call *(%rdi)
	cmp $-24,%r12
	jne 1b
	pop %r12
	pop %rbx
	ret
endfunc walk
	marker f0 110
	marker f1 99
	marker f2 111
	.section gap0,"aw"
	.skip 64
	.section walked,"aw"
	.balign 8
table:	.quad f0,f1,f2
	.section gap1,"aw"
	.balign 8
	.skip 64
