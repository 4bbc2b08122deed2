# A program of Go before 1.17, whose functions get their arguments on the stack, as far as its function table goes: assembly
# has a number in RSI, where later ones get the flags of syscall.Faccessat, which makes its call for these (Go 1.9).
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# WANT: faccessat
# STRIP: no

	.text
	.globl _start
_start:
	sub $80, %rsp
	movq $-100, (%rsp)
	lea path(%rip), %rax
	mov %rax, 8(%rsp)
	movq $1, 16(%rsp)
	movq $0, 24(%rsp)
	mov $0x200, %esi
	call Faccessat
	mov $231, %eax
	xor %edi, %edi
	syscall

Faccessat:
	sub $48, %rsp
	movq $269, (%rsp)
	mov 56(%rsp), %rax
	mov %rax, 8(%rsp)
	mov 64(%rsp), %rax
	mov %rax, 16(%rsp)
	mov 72(%rsp), %rax
	mov %rax, 24(%rsp)
	mov 80(%rsp), %rax
	mov %rax, 32(%rsp)
	call Syscall6
	add $48, %rsp
	ret

Syscall6:
	mov 8(%rsp), %rax
	mov 16(%rsp), %rdi
	mov 24(%rsp), %rsi
	mov 32(%rsp), %rdx
	mov 40(%rsp), %r10
	syscall
	ret
end:

	.section .rodata
path:	.asciz "/"

	.section .gopclntab, "a", @progbits
	.balign 32
table:	.long 0xfffffffb # runtime/symtab.go, Go 1.2
	.byte 0, 0, 1, 8
	.quad 3
	.quad _start, 1f - table
	.quad Faccessat, 2f - table
	.quad Syscall6, 3f - table
	.quad end
	.long 0
	.balign 8
1:	.quad _start
	.long 4f - table, 0, 0, 0, 0, 0
2:	.quad Faccessat
	.long 5f - table, 0, 0, 0, 0, 0
3:	.quad Syscall6
	.long 6f - table, 0, 0, 0, 0, 0
4:	.asciz "main.main"
5:	.asciz "syscall.Faccessat"
6:	.asciz "syscall.Syscall6"

	.section .note.GNU-stack, "", @progbits
