# A table in assembly, each row with a label of its own, for those who want a row; the loop takes all rows.
# Labels without type and size are no bounds, nor is one that is exported.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times
# UNRESOLVED: none
# TRAP: 1
# PITFALL: 7
	.include "rt.inc"
	.text
func _start
	lea row0(%rip),%rbx
	mov $4,%r12d
1:	call *(%rbx)
	add $16,%rbx
	dec %r12d
	jne 1b
	mov row2+8(%rip),%eax
	exit0
endfunc _start
	marker f0 110
	marker f1 99
	marker f2 111
	marker f3 100
	.section .data.rel,"aw"
	.balign 32
	.globl row2
row0:	.quad f0,0
row1:	.quad f1,1
row2:	.quad f2,2
row3:	.quad f3,3
