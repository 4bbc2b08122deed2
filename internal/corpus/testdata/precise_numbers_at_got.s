# A table of numbers that, added to its address, would lead into the middle of words of the GOT is no table of offsets.
#
# BUILD: gcc -c {{src}} -o {{dir}}/x.o && gcc -pie {{dir}}/x.o -o {{out}}
# NOT: personality
	.text
	.globl main
	.type main,@function
main:	.cfi_startproc
	sub $8,%rsp
	.cfi_adjust_cfa_offset 8
	xor %edi,%edi
	call number
	cmp $1,%eax
	sete %al
	movzx %al,%eax
	add $8,%rsp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size main,.-main
	.type number,@function
number:	.cfi_startproc
	lea numbers(%rip),%rax
	movslq %edi,%rdi
	mov (%rax,%rdi,4),%eax
	or $0x40,%ah
	ret
	.cfi_endproc
	.size number,.-number
	.section .rodata
	.balign 32
numbers:
	.long personality@GOTPCREL + 3, personality@GOTPCREL + 5, personality@GOTPCREL + 13, personality@GOTPCREL + 17
	.section .note.GNU-stack,"",@progbits
