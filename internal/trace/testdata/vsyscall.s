# time through the vsyscall page.
	.globl _start
_start:	xor %edi, %edi
	mov $0xffffffffff600400, %rax
	call *%rax
	mov $231, %eax
	xor %edi, %edi
	syscall
