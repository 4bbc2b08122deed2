# Two calls whose numbers are constants at the instruction.
	.globl _start
	.type _start, @function
_start:
	mov $1, %eax
	mov $1, %edi
	lea text(%rip), %rsi
	mov $6, %edx
	syscall
	mov $60, %eax
	xor %edi, %edi
	syscall
	hlt
	.size _start, .-_start
	.section .rodata
text:	.ascii "hello\n"
