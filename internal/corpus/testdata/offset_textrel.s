# Relocations in the code: the addresses that it holds are those of the file
# only once they have been relocated. One is of a local function, one of an imported one.
#
# BUILD: gcc {{so}} -Wa,--defsym,LIB=1 {{src}} -o {{dir}}/libx.so && gcc {{pie}} -Wl,-z,notext -Wl,-rpath,'$ORIGIN' {{src}} {{dir}}/libx.so -o {{out}}
# WANT: getppid sysinfo getpgrp
# UNRESOLVED: none
# TRAP: 3
	.include "rt.inc"
	.text
	.ifdef LIB
	.globl imported
	marker imported 99
	.else
func _start
	movabs $local,%rax
	call *%rax
	movabs $imported,%rax
	call *%rax
	mov intext(%rip),%rax
	call *%rax
	exit0
	.balign 8
intext:	.quad other
endfunc _start
	marker local 110
	marker other 111
	.endif
	.section .note.GNU-stack,"",@progbits
