# What runs before main, in main and after it, as C libraries have it.
	.globl _start, main
	.type _start, @function
_start:
	lea main(%rip), %rdi
	call __libc_start_main
	hlt
	.size _start, .-_start

	.type __libc_start_main, @function
__libc_start_main:
	push %rbx
	mov %rdi, %rbx
	call set_up
	mov %rbx, %rdi
	call call_main
	hlt
	.size __libc_start_main, .-__libc_start_main

	.type set_up, @function
set_up:
	mov $158, %eax
	syscall
	mov $218, %eax
	syscall
	ret
	.size set_up, .-set_up

	.type call_main, @function
call_main:
	.cfi_startproc
	sub $8, %rsp
	.cfi_adjust_cfa_offset 8
	call *%rdi
	mov %eax, %edi
	call exit
	.cfi_endproc
	.size call_main, .-call_main

	.type main, @function
main:
	mov $110, %eax
	syscall
	ret
	.size main, .-main

	.type exit, @function
exit:
	mov $231, %eax
	syscall
	hlt
	.size exit, .-exit

	.type constructor, @function
constructor:
	mov $161, %eax
	syscall
	ret
	.size constructor, .-constructor

	.section .init_array, "aw", @init_array
	.quad constructor
