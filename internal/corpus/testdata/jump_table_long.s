# A jump table with more entries than most: the last of them is the one that is taken. And one that is too long
# to be followed, which must be named.
#
# BUILD: gcc {{-DENTRIES=5000|-DENTRIES=30000}} {{free}} -x assembler-with-cpp {{src}} -o {{out}}
# COVER: getpgrp
# WANT: getppid
	.include "rt.inc"
	.text
func _start
	sub $8,%rsp
	.cfi_adjust_cfa_offset 8
	mov index(%rip),%edi
	cmp $(ENTRIES - 1),%edi
	ja 9f
	lea table(%rip),%rdx
	movslq (%rdx,%rdi,4),%rdi
	add %rdx,%rdi
	jmp *%rdi
1:	mov $39,%eax
	syscall
	jmp 9f
2:	mov $110,%eax # getppid
	syscall
	mov $111,%eax # getpgrp
	syscall
9:	exit0
endfunc _start
	.section .rodata
	.balign 4
table:
	.rept ENTRIES - 2
	.long 1b - table
	.endr
	.long 2b - table, 2b - table
	.data
index:	.long ENTRIES - 2
