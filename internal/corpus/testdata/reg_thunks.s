# Addresses passed in registers that are no argument registers: r10 to a common
# tail, rbx, rax, r11, and a vector register. Stale or not, whatever a register holds at a jump out of
# the function goes with it.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getsid
# UNRESOLVED: none
# TRAP: 5
	.include "rt.inc"
	.text
func _start
	lea f0(%rip),%r10
	call by_r10
	lea f1(%rip),%rbx
	call by_rbx
	lea f2(%rip),%rax
	call by_rax
	lea f3(%rip),%r11
	call stub
	lea g0(%rip),%rax
	movq %rax,%xmm5
	call by_xmm
	exit0
endfunc _start
func by_r10
	jmp tail
endfunc by_r10
func tail
	jmp *%r10
endfunc tail
func by_rbx
	sub $8,%rsp
	call *%rbx
	add $8,%rsp
	ret
endfunc by_rbx
func by_rax
	push %rax
	pop %rcx
	jmp *%rcx
endfunc by_rax
func stub
	push %r11
	call nothing
	pop %r11
	jmp *%r11
endfunc stub
func nothing
	ret
endfunc nothing
func by_xmm
	movq %xmm5,%rcx
	jmp *%rcx
endfunc by_xmm
	marker f0 110
	marker f1 99
	marker f2 111
	marker f3 100
	marker g0 124
