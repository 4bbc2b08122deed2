# Tables of addresses that code without unwind information jumps through, whose first entries are other functions, or nothing,
# and a later one is a place in the same function.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getuid getgid
	.include "rt.inc"
	.text
func _start
	xor %ebx,%ebx
1:	mov %ebx,%eax
	call first
	lea 1(%rbx),%eax
	call second
	inc %ebx
	cmp $3,%ebx
	jne 1b
	exit0
endfunc _start

	.type first,@function
	.balign 16
first:	lea table(%rip),%rcx
	jmp *(%rcx,%rax,8)
own:	mov $104,%eax
	syscall
	ret
	.size first,.-first

	.type second,@function
	.balign 16
second:	lea holes(%rip),%rcx
	jmp *(%rcx,%rax,8)
own2:	mov $102,%eax
	syscall
	ret
	.size second,.-second

	marker f0 110
	marker f1 99
	marker f2 111
	marker f3 100

	.section .data.rel.ro,"aw"
	.balign 8
table:	.quad f0,f1,own
	.quad 0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0
holes:	.quad 0,f2,f3,own2
	.quad 0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0
