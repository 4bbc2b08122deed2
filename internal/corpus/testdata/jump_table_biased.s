# Tables of assembly language, which has no unwind information, whose index does not begin at 0 (it is the binary logarithm of a
# size of 4 or more): the words before are of other tables, and lead nowhere from this one's base. And tables that a place in the
# code is the base of, with the displacement in the instructions.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getuid geteuid
# NOT: reboot
	.include "rt.inc"
	.text
func _start
	mov $4,%edi
1:	call biased
	call displaced
	call words
	add %edi,%edi
	cmp $16,%edi
	jne 1b
	exit0
endfunc _start

	.macro case number
	push %rdi
	mov $\number,%eax
	xor %edi,%edi
	syscall
	pop %rdi
	ret
	.endm

	.balign 16
biased:
	bsf %edi,%ecx
	lea first-8(%rip),%rax
	movslq (%rax,%rcx,4),%rcx
	add %rax,%rcx
	jmp *%rcx
b4:
case 110
b8:
case 99

	.balign 16
displaced:
	lea anchor(%rip),%rdx
	bsf %edi,%eax
	movslq second-8-anchor(%rdx,%rax,4),%rax
	lea second-8-anchor(%rdx,%rax),%rax
	jmp *%rax
anchor:
d4:
case 111
d8:
case 100

	.balign 16
words:
	lea w4(%rip),%rdx
	bsf %edi,%eax
	movzwl third-4-w4(%rdx,%rax,2),%eax
	add %rdx,%rax
	jmp *%rax
	case 169 # reboot: nothing leads here
w4:
case 102
w8:
case 107

	.section .rodata
	.long 1
	.long biased+1-first+8 # in the middle of an instruction
first:
	.long b4-first+8
	.long b8-first+8
	.long -1
	.long 0x7fffffff
second:
	.long d4-second+8
	.long d8-second+8
	.word 0xfff1, 0xfff3
third:
	.word w4-w4, w8-w4
	.word 0xffff
