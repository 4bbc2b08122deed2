# Tables of 32-bit offsets from the table to code, which no relocation tells of: one in
# .rodata that is called through, one in .data, and one in .text next to its user.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getsid getpriority
# TRAP: 3
	.include "rt.inc"
	.text
func _start
	xor %ebx,%ebx
1:	lea ro(%rip),%rdx
	movslq (%rdx,%rbx,4),%rax
	add %rdx,%rax
	call *%rax
	lea rw(%rip),%rdx
	movslq (%rdx,%rbx,4),%rax
	add %rdx,%rax
	call *%rax
	lea intext(%rip),%rdx
	movslq (%rdx,%rbx,4),%rax
	lea (%rax,%rdx),%rax
	call *%rax
	inc %ebx
	cmp $2,%ebx
	jne 1b
	exit0
	.balign 4
intext:	.long t0-intext,t1-intext
endfunc _start
	marker r0 110
	marker r1 99
	marker w0 111
	marker w1 100
	marker t0 124
	marker t1 140
	.section .rodata
	.balign 4
ro:	.long r0-ro,r1-ro
	.data
	.balign 4
rw:	.long w0-rw,w1-rw
