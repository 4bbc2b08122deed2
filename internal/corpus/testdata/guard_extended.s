# What a function returned, cut to 32 bits before it is compared as 64.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# WANT: getppid sysinfo
# UNRESOLVED: none
	.include "rt.inc"
	.text
func decide
	test %edi,%edi
	je 1f
	mov $-1,%rax
	ret
1:	xor %eax,%eax
	ret
endfunc decide

func _start
	mov (%rsp),%edi
	call decide
	mov %eax,%ebx
	cmp $5,%rbx
	jle 1f			# 0xffffffff is more
	mov $110,%eax		# getppid
	syscall
1:	mov $1,%edi
	call decide
	mov %eax,%eax
	test %rax,%rax
	jle 1f
	mov $99,%eax		# sysinfo
	xor %edi,%edi
	syscall
1:	exit0
endfunc _start
