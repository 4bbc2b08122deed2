# Counters that go down from 0 are multiplied, and then added to the address of the end of an array: they lead backwards.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getsid getpriority getuid getgid
# UNRESOLVED: none
	.include "rt.inc"
	.text
func _start
	call scaled
	call shifted
	call multiplied
	call summed
	exit0
endfunc _start
	.macro walk name end, index:vararg
func \name
	push %rbx
	push %r12
	lea \end(%rip),%rbx
	xor %r12d,%r12d
1:	dec %r12
	\index
	call *(%rdi)
	cmp $-2,%r12
	jne 1b
	pop %r12
	pop %rbx
	ret
endfunc \name
	.endm
	.macro shift
	mov %r12,%rdi
	shl $3,%rdi
	add %rbx,%rdi
	.endm
	walk scaled first+16 lea (%rbx,%r12,8),%rdi
	walk shifted second+16 shift
	.macro multiply
	imul $8,%r12,%rdi
	add %rbx,%rdi
	.endm
	walk multiplied third+16 multiply
	.macro sum
	lea (%r12,%r12),%rdi
	lea (%rbx,%rdi,4),%rdi
	.endm
	walk summed fourth+16 sum
	marker f0 110
	marker f1 99
	marker f2 111
	marker f3 100
	marker f4 124
	marker f5 140
	marker f6 102
	marker f7 104
	.macro array name first second
	.section gap_\name,"aw"
	.balign 8
	.skip 64
	.section walked_\name,"aw"
	.balign 8
\name:	.quad \first,\second
	.endm
	array first f0 f1
	array second f2 f3
	array third f4 f5
	array fourth f6 f7
	.section gap_last,"aw"
	.balign 8
	.skip 64
