# Symbols of different sizes at one address, and one inside another (as glibc's
# sys_errlist of several versions): the small one is not the end of the object.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp
# UNRESOLVED: none
# PITFALL: 7
	.include "rt.inc"
	.text
func _start
	lea old(%rip),%rbx
	mov $3,%r12d
1:	call *(%rbx)
	add $8,%rbx
	dec %r12d
	jne 1b
	exit0
endfunc _start

	marker f0 110
	marker f1 99
	marker f2 111

	.section .data.rel,"aw"
	.balign 32
	.globl old,new,inner
	.type old,@object
	.type new,@object
	.type inner,@object
	.size old,8
	.size inner,8
	.size new,24
old:
new:	.quad f0
inner:	.quad f1
	.quad f2
