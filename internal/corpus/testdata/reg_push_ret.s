# Returns that are jumps: an address pushed and returned to, an address written over
# the return address, and one pushed as an immediate (fixed addresses) or from memory.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# BUILD: gcc -Wa,--defsym,FIXED=1 {{free}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times
# UNRESOLVED: none
# TRAP: 5
	.include "rt.inc"
	.text
func _start
	call pushed
	call overwritten
	call memory
	.ifdef FIXED
	call immediate
	.else
	call f3
	.endif
	exit0
endfunc _start
func pushed
	lea f0(%rip),%rax
	push %rax
	ret
endfunc pushed
func overwritten
	lea f1(%rip),%rcx
	push %rdi
	xchg %rcx,(%rsp)
	ret
endfunc overwritten
func memory
	push slot(%rip)
	ret $0
endfunc memory
	.ifdef FIXED
func immediate
	push $f3
	ret
endfunc immediate
	.endif
	marker f0 110
	marker f1 99
	marker f2 111
	marker f3 100
	.section .data.rel,"aw"
	.balign 8
slot:	.quad f2
