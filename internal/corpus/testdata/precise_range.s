# A pointer is checked against the bounds of a table, as libc checks vtables: the table's
# address is subtracted and the result compared, and neither makes the table's functions live.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid
# NOT: reboot swapon
# UNRESOLVED: none
	.include "rt.inc"
	.text
func _start
	lea f0(%rip),%rdi
	call checked
	exit0
endfunc _start
func checked
	lea table(%rip),%rax
	mov %rdi,%rcx
	sub %rax,%rcx
	cmp $16,%rcx
	jb 1f
	xor %eax,%eax
	xor %ecx,%ecx
	jmp *%rdi
1:	ud2
endfunc checked
	marker f0 110
	marker dead0 169
	marker dead1 167
	.section .data.rel,"aw"
	.balign 32
table:	.quad dead0,dead1
	.skip 32
