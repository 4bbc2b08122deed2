# A thread by bare clone: the kernel returns twice, the child on another stack, on which its start
# routine lies. Two calls, one with clone and one with clone3.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo clone clone3 wait4
# UNRESOLVED: none
# TRAP: 4
	.include "rt.inc"
	.text
func _start
	lea child(%rip),%rdi
	lea stack_end(%rip),%rsi
	call start
	lea other(%rip),%rax
	lea args(%rip),%rdi
	mov %rax,88+8(%rdi)	# behind the structure
	mov $88,%esi
	lea stack2(%rip),%rax
	mov %rax,40(%rdi)	# stack
	mov %rdi,%r12
	mov $435,%eax		# clone3
	syscall
	test %rax,%rax
	jnz 1f
	call *96(%r12)
	exit0
1:	call wait
	exit0
endfunc _start
func start
	mov %rdi,-8(%rsi)
	lea -8(%rsi),%rsi
	mov $17,%edi		# SIGCHLD
	xor %edx,%edx
	xor %r10d,%r10d
	mov $56,%eax		# clone
	syscall
	test %rax,%rax
	jnz wait
	pop %rax
	call *%rax
	exit0
endfunc start
func wait
	mov $-1,%rdi
	xor %esi,%esi
	xor %edx,%edx
	xor %r10d,%r10d
	mov $61,%eax
	syscall
	ret
endfunc wait
	marker child 110
	marker other 99
	.data
	.balign 16
args:	.quad 0,0,0,0,17,0,4096,0,0,0,0
	.quad 0,0
	.bss
	.balign 16
	.skip 4096
stack_end: .skip 16
stack2:	.skip 4096
