# Functions that only a table holds are live, those of a table that nothing refers
# to are not; a restorer is the kernel's; a 32-bit call is of another table.
	.globl _start
	.type _start, @function
_start:
	mov (%rsp), %rax
	and $1, %eax
	lea table(%rip), %rcx
	call *(%rcx,%rax,8)
	lea action(%rip), %rsi
	mov $13, %eax
	mov $10, %edi
	xor %edx, %edx
	mov $8, %r10d
	syscall
	mov $20, %eax
	int $0x80
	mov $231, %eax
	syscall
	hlt
	.size _start, .-_start

	.type first, @function
first:
	mov $63, %eax
	syscall
	ret
	.size first, .-first

	.type second, @function
second:
	mov $24, %eax
	syscall
	ret
	.size second, .-second

	.type never, @function
never:
	mov $169, %eax
	syscall
	ret
	.size never, .-never

	.type restore, @function
restore:
	mov $15, %eax
	syscall
	hlt
	.size restore, .-restore

	.data
	.balign 32
	.type table, @object
table:	.quad first, second
	.size table, 16
	.balign 32
	.type unused, @object
unused:	.quad never
	.size unused, 8
	.balign 32
	.type action, @object
action:	.quad first, 0x04000000, restore, 0
	.size action, 32
