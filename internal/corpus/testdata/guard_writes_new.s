# Instructions of newer processors that write to more, or to other, memory than their operand says: not run,
# since few processors have all of them.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# BUILD: gcc {{pie}} {{src}} -o {{out}}
# ELSEWHERE: getppid sysinfo getpgrp times getuid getgid geteuid getegid getpriority getsid
# UNRESOLVED: none
	.include "rt.inc"
	.text
	.macro guard name number
	cmpl $0,\name(%rip)
	je 8f
	mov $\number,%eax
	syscall
8:
	.endm
func _start
	cmpl $50,(%rsp)
	jl 1f
	lea cleared(%rip),%rax
	clzero
	lea moved(%rip),%rdi
	movdir64b other(%rip),%rdi
	lea scattered(%rip),%rax
	kxnorw %k1,%k1,%k1
	vpxor %ymm1,%ymm1,%ymm1
	vpscatterdd %zmm0,(%rax,%zmm1,4){%k1}
	mov $7,%eax
	xsave saved(%rip)
	lock cmpxchg16b exchanged(%rip)
	vmaskmovps %ymm0,%ymm1,masked(%rip)
	vpcompressd %zmm0,compressed(%rip){%k1}
	vextracti128 $1,%ymm0,extracted(%rip)
	vmovdqu64 %zmm0,stored(%rip)
	movdiri %eax,direct(%rip)
1:
	guard cleared+60 110
	guard moved+60 99
	guard scattered+120 111
	guard saved+500 100
	guard exchanged+12 102
	guard masked+28 104
	guard compressed+60 107
	guard extracted+12 108
	guard stored+60 140
	guard direct 124
	exit0
endfunc _start
	.bss
	.balign 64
cleared: .zero 64
moved: .zero 64
scattered: .zero 128
saved: .zero 4096
exchanged: .zero 64
masked: .zero 64
compressed: .zero 64
extracted: .zero 64
stored: .zero 64
direct: .zero 64
other: .zero 64
