# Arguments that are passed on the stack: stored as four bytes, with something else above; overwritten by the callee
# before it loads them; pushed; and behind an address of the frame that was given away.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# ARGS: lseek.whence=0x1,0x2 prctl.arg2=unknown getpriority.which=unknown flock.cmd=0x8
	.include "rt.inc"
	.text
func _start
	sub $32,%rsp
	movabs $0x7700000000,%rax
	mov %rax,(%rsp)
	movl $1,(%rsp)
	call seek
	movq $2,(%rsp)
	call seek
	movq $0,(%rsp)
	movl $0x3,(%rsp)
	movl $0x55,4(%rsp)
	call control
	movq $0,(%rsp)
	call rewrite
	add $32,%rsp
	push $8
	call lock
	pop %rcx
	exit0
endfunc _start
func seek
	mov 8(%rsp),%edx
	mov $-1,%edi
	xor %esi,%esi
	mov $8,%eax
	syscall
	ret
endfunc seek
func control
	mov 8(%rsp),%rsi
	mov $23,%edi
	mov $157,%eax
	syscall
	ret
endfunc control
func rewrite
	lea 8(%rsp),%rdi
	call change
	mov 8(%rsp),%edi
	xor %esi,%esi
	mov $140,%eax
	syscall
	ret
endfunc rewrite
func change
	movl $2,(%rdi)
	ret
endfunc change
func lock
	mov 8(%rsp),%rsi
	mov $-1,%edi
	mov $73,%eax
	syscall
	ret
endfunc lock
