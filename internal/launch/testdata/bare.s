# Writes a line and ends, without anything else.
	.globl _start
_start:	mov $1, %eax
	mov $1, %edi
	lea text(%rip), %rsi
	mov $3, %edx
	syscall
	mov $231, %eax
	xor %edi, %edi
	syscall
text:	.ascii "hi\n"
