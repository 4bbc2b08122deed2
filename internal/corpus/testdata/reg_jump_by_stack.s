# A jump by way of the stack hands on all registers as they were on entry: callbacks that are passed
# to functions which are called through such jumps.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp
# UNRESOLVED: none
# TRAP: 5
	.include "rt.inc"
	.text
func _start
	lea take(%rip),%rax
	lea f0(%rip),%rdi
	call thunk
	lea take(%rip),%rax
	lea f1(%rip),%rdi
	call pushed
	lea take(%rip),%rax
	lea f2(%rip),%rdi
	call overwritten
	exit0
endfunc _start
# A retpoline.
func thunk
	call 1f
2:	pause
	lfence
	jmp 2b
1:	mov %rax,(%rsp)
	ret
endfunc thunk
func pushed
	push %rax
	ret
endfunc pushed
func overwritten
	push %rcx
	mov %rax,(%rsp)
	ret
endfunc overwritten
func take
	jmp *%rdi
endfunc take
	marker f0 110
	marker f1 99
	marker f2 111
