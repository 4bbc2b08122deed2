# An address in a register that the ABI makes callees preserve, at an indirect call, where no compiled C
# function looks for one: runtimes with conventions of their own do it (a closure, a context pointer).
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo
# UNLESS: calling-convention
# UNRESOLVED: none
# TRAP: 5
	.include "rt.inc"
	.text
func _start
	lea f0(%rip),%r15
	lea by_r15(%rip),%rax
	call *%rax
	lea f1(%rip),%rbx
	call *slot(%rip)
	exit0
endfunc _start
func by_r15
	jmp *%r15
endfunc by_r15
func by_rbx
	call *%rbx
	ret
endfunc by_rbx
	marker f0 110
	marker f1 99
	.section .data.rel,"aw"
	.balign 8
slot:	.quad by_rbx
