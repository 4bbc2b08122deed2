# Loops that count from 1 name an address before the table: sym - 32 in the lea
# of strength-reduced loops, sym - 8 as a displacement. Neither lies in the object, both stand for it.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getsid getpriority
# UNRESOLVED: none
# TRAP: 1
	.include "rt.inc"
	.text
func _start
	lea table-32(%rip),%rbx
	mov $1,%r12d
1:	mov %r12,%rax
	shl $5,%rax
	call *(%rbx,%rax)
	inc %r12
	cmp $5,%r12
	jne 1b
	lea list-16(%rip),%r13	# pre-incremented walk, two words before the start
2:	add $8,%r13
	mov 8(%r13),%rax
	test %rax,%rax
	je 3f
	call *%rax
	jmp 2b
3:	exit0
endfunc _start

	marker f0 110
	marker f1 99
	marker f2 111
	marker f3 100
	marker g0 124
	marker g1 140

	.section .rodata
	.skip 64
	.section .data.rel,"aw"
	.balign 32
before:	.skip 64
table:	.quad f0,1,1,1, f1,2,2,2, f2,3,3,3, f3,4,4,4
gap:	.skip 64
list:	.quad g0,g1,0
