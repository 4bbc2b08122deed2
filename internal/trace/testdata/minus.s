# Numbers that there are not.
	.globl _start
_start:	mov $-1, %eax
	syscall
	mov $0x7fffffff, %eax
	syscall
	mov $-5, %eax
	int $0x80
	mov $231, %eax
	xor %edi, %edi
	syscall
