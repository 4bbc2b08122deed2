# Words on both sides of an object look like those of two elements of an array, one of which would begin before the end of
# a symbol: no array goes on across that.
#
# BUILD: gcc {{pie}} -Wl,-E {{src}} -o {{out}}
# WANT: getpgrp
# NOT: reboot
	.include "rt.inc"
	.text
func _start
	lea first(%rip),%rax
	mov %rax,kept(%rip)
	mov kept(%rip),%rax
	mov (%rax),%rax
	call *near(%rip)
	exit0
endfunc _start
func dead
	lea second(%rip),%rax
	ret
endfunc dead
	marker f1 111
	marker f2 169
	.section .data.rel.ro,"aw"
	.balign 32
	.globl names
	.type names,@object
names:	.quad text,text,text,text,text
	.size names,.-names
near:	.quad f1			# just behind the symbol
	.quad 0,0
first:	.quad text,1,text,1
	.quad text,0,0,0
second:	.quad text,f2,0,0
	.quad 0,0,text,0
	.quad text,0,0,0
	.balign 32
	.section .rodata
text:	.asciz "text"
	.bss
	.balign 32
kept:	.quad 0
