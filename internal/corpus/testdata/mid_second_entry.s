# Functions entered past their start: past a prologue that would end the program, past one
# that sets another number, and by a jump from another function into the middle of a third. One body,
# several entries that only set a register.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# BUILD: gcc -Wa,--defsym,NOCFI=1 {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times
# NOT: reboot
# UNRESOLVED: none
# PITFALL: 3
	.include "rt.inc"
	.ifdef NOCFI
	.purgem func
	.purgem endfunc
	.macro func name
	.globl _start
\name:
	.endm
	.macro endfunc name
	.endm
	.endif
	.text
func _start
	call guarded+5
	call entries2
	call entries3
	call indirectly
	exit0
endfunc _start
func guarded
	mov $169,%al		# reboot
	jmp 1f
	nop
	mov $110,%eax
1:	syscall
	ret
endfunc guarded
func entries
	mov $88,%eax
	jmp unified
	.globl entries2
entries2:
	mov $99,%al
	jmp unified
	.globl entries3
entries3:
	mov $111,%al
	nop
endfunc entries
func unified
	movzbl %al,%eax
	xor %edi,%edi
	syscall
	ret
endfunc unified
func indirectly
	jmp third+2
endfunc indirectly
func third
	ud2
	mov $100,%eax
	syscall
	ret
endfunc third
