# Tables of functions in sections whose types say that they are something else: what a section's header says is no proof.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# WANT: getppid getpgrp
# UNRESOLVED: none

	.text
	.globl _start
_start:
	mov index(%rip), %rax
	call *symbols(,%rax,8)
	mov index(%rip), %rax
	call *notes(,%rax,8)
	mov $231, %eax
	xor %edi, %edi
	syscall
f:	mov $110, %eax
	syscall
	ret
g:	mov $111, %eax
	syscall
	ret

	.data
index:	.quad 0

	.section .symbols, "a", @0xb # SHT_DYNSYM
symbols: .quad f, f, f

	.section .note.own, "a", @note
	.balign 8
	.long 4, 24, 1
	.asciz "own"
notes:	.quad g, g, g

	.section .note.GNU-stack, "", @progbits
