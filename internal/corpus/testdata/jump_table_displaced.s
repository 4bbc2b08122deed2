# A table whose entries are relative to a place shortly before it: what is at that place is no entry, though it leads into
# the function.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo
	.include "rt.inc"
	.text
func _start
	xor %ebx,%ebx
1:	mov %ebx,%edi
	call switch
	inc %ebx
	cmp $2,%ebx
	jne 1b
	exit0
endfunc _start

func switch
	lea table(%rip),%rdx
	movslq (%rdx,%rdi,4),%rax
	lea -8(%rdx,%rax),%rax
	jmp *%rax
none:	ret
first:	mov $110,%eax
	syscall
	ret
second:	mov $99,%eax
	syscall
	ret
endfunc switch

	.section .rodata
	.balign 4
	.long 0x7fffffff
	.long none-table+8
	.long 0x7fffffff
table:	.long first-table+8
	.long second-table+8
	.long 0x7fffffff
