# Counters that go down from 0 are multiplied, and then added to the address of the end of an array: they lead backwards.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times
# UNRESOLVED: none
	.include "rt.inc"
	.text
func _start
	call scaled
	call shifted
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
	marker f0 110
	marker f1 99
	marker f2 111
	marker f3 100
	.section gap0,"aw"
	.skip 64
	.section walked,"aw"
	.balign 8
first:	.quad f0,f1
	.section gap1,"aw"
	.balign 8
	.skip 64
	.section walked2,"aw"
	.balign 8
second:	.quad f2,f3
	.section gap2,"aw"
	.balign 8
	.skip 64
