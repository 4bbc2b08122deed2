# Numbers that reach the instruction through a wrapper in a register, a wrapper of
# that wrapper on the stack, and one in memory behind a pointer.
	.globl _start
	.type _start, @function
_start:
	mov $39, %edi
	call raw
	push $102
	call stacked
	pop %rax
	lea request(%rip), %rdi
	call indirect
	mov $231, %edi
	call raw
	hlt
	.size _start, .-_start

	.type raw, @function
raw:
	mov %edi, %eax
	xor %edi, %edi
	syscall
	ret
	.size raw, .-raw

	.type stacked, @function
stacked:
	mov 8(%rsp), %edi
	jmp raw
	.size stacked, .-stacked

	.type indirect, @function
indirect:
	mov (%rdi), %eax
	syscall
	ret
	.size indirect, .-indirect

	.section .rodata
	.balign 8
	.type request, @object
request: .quad 104
	.size request, 8
