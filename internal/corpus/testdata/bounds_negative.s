# A negative number that comes together with another value is added to the address of the end of an array, to one that a caller
# passes, and to one that a variable holds: they lead backwards. None of the functions that add makes a system call itself.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getsid getpriority
# UNRESOLVED: none
# TRAP: 1
	.include "rt.inc"
	.text
func _start
	call walk
	lea passed+16(%rip),%rdi
	xor %esi,%esi
	call add
	xor %esi,%esi
	call add_held
	lea low+16(%rip),%rdi
	xor %esi,%esi
	call add_low
	exit0
endfunc _start

func walk
	push %rbx
	push %r12
	lea table+24(%rip),%rbx
	mov $-24,%r12
1:	lea (%rbx,%r12),%rdi
	call *(%rdi)
	add $8,%r12
	jne 1b
	pop %r12
	pop %rbx
	ret
endfunc walk

func add
	mov $-16,%rax
	test %esi,%esi
	je 1f
	mov (%rdx),%rax
1:	add %rax,%rdi
	jmp *(%rdi)
endfunc add

func add_held
	mov $-8,%eax
	test %esi,%esi
	je 1f
	mov (%rdx),%eax
1:	movslq %eax,%rdx
	mov pointer(%rip),%rax
	add %rdx,%rax
	jmp *(%rax)
endfunc add_held

func add_low
	mov (%rsp),%rax
	mov $-16,%al
	test %esi,%esi
	je 1f
	mov (%rdx),%al
1:	movsbq %al,%rdx
	add %rdx,%rdi
	jmp *(%rdi)
endfunc add_low

	marker f0 110
	marker f1 99
	marker f2 111
	marker passed_to 100
	marker held 124
	marker of_low 140

	.macro between name		# a section of its own ends the one before
	.section \name,"aw"
	.balign 8
	.skip 64
	.endm
	between gap0
	.section walked,"aw"
	.balign 8
table:	.quad f0,f1,f2
	between gap1
	.section given,"aw"
	.balign 8
passed:	.quad passed_to,0
	between gap2
	.section behind,"aw"
	.balign 8
third:	.quad held
	between gap3
	.section bytes,"aw"
	.balign 8
low:	.quad of_low,0
	between gap4
	.section holder,"aw"
	.balign 8
pointer:	.quad third+8
