# Jumps into unrolled code: a place in the function plus an index times the size of what lies there, forwards and
# backwards, with no table at all and no frame in place.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getpriority getgid
# NOT: reboot
	.include "rt.inc"
	.text
func _start
	xor %ebx,%ebx
1:	mov %ebx,%edi
	call shifted
	mov %ebx,%edi
	call scaled
	mov %ebx,%edi
	call back
	inc %ebx
	cmp $2,%ebx
	jne 1b
	exit0
endfunc _start

	.macro case number
	.balign 16
	mov $\number,%eax
	xor %edi,%edi
	syscall
	ret
	.endm

func shifted
	shl $4,%edi
	lea 1f(%rip),%rax
	add %rdi,%rax
	jmp *%rax
	.balign 16
1:
case 110
case 99
endfunc shifted

func scaled
	lea 1f(%rip),%rax
	add %rdi,%rdi
	lea (%rax,%rdi,8),%rax
	jmp *%rax
	.balign 16
1:
case 111
case 100
endfunc scaled

func back
	shl $5,%rdi
	lea 2f(%rip),%rax
	sub %rdi,%rax
	jmp *%rax
case 124
case 140
case 102
2:
case 104
endfunc back

	marker dead 169
