# The same, with the difference as a constant of the assembler: the code holds no
# address of f or g, only the address of base and two small numbers.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# COVER: getppid sysinfo
# TRAP: 2
	.include "rt.inc"
	.text
func _start
	lea base(%rip),%rbx
	mov $f-base,%eax
	add %rbx,%rax
	call *%rax
	lea g-base(%rbx),%rax
	call *%rax
	exit0
endfunc _start
base:	.skip 16,0xcc
	marker f 110
	.skip 16,0xcc
	marker g 99
