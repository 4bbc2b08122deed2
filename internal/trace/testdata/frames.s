# A call in code without unwind tables: the first caller has a frame pointer, the second
# pushes nothing that helps.
	.globl _start
_start:	xor %ebp, %ebp
	call outer
	mov $231, %eax
	xor %edi, %edi
	syscall
outer:	sub $0x48, %rsp
	call middle
	add $0x48, %rsp
	ret
middle:	push %rbp
	mov %rsp, %rbp
	sub $0x30, %rsp
	call inner
	leave
	ret
inner:	mov $110, %eax
	syscall
	ret
