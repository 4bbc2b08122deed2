# An FDE that ends right before the system call, as that of clone3 in glibc does, and a
# function whose only FDE covers its prologue.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo
# UNRESOLVED: none
# PITFALL: 1
	.include "rt.inc"
	.text
func _start
	call clonelike
	call prologue
	exit0
endfunc _start
	.type clonelike,@function
clonelike:
	.cfi_startproc
	mov $110,%eax
	xor %edi,%edi
	.cfi_endproc
	syscall
	test %rax,%rax
	js 1f
	ret
1:	ud2
	.size clonelike,.-clonelike
	.type prologue,@function
prologue:
	.cfi_startproc
	push %rbp
	.cfi_def_cfa_offset 16
	mov %rsp,%rbp
	.cfi_endproc
	mov $99,%eax
	xor %edi,%edi
	syscall
	pop %rbp
	ret
	.size prologue,.-prologue
