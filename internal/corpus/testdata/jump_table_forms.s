# Jump tables as no compiler of today makes them: jmp *table(,%rax,8) at a fixed
# address, a two-level table (bytes that index offsets), 16-bit offsets scaled, a table behind the
# jump in .text, the bound checked in a caller, the index masked instead of compared, a table reached by
# a pointer in a register that was set up in the caller.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getsid getpriority getuid getgid geteuid getegid umask sched_yield
	.include "rt.inc"
	.text
func _start
	xor %ebx,%ebx
1:	mov %ebx,%edi
	call absolute
	mov %ebx,%edi
	call two_level
	mov %ebx,%edi
	call words
	mov %ebx,%edi
	call masked
	mov %ebx,%edi
	call behind
	mov %ebx,%edi
	lea passed_table(%rip),%r12
	call passed
	inc %ebx
	cmp $2,%ebx
	jne 1b
	exit0
endfunc _start

	.macro case name number
\name:	mov $\number,%eax
	xor %edi,%edi
	syscall
	ret
	.endm

func absolute
	cmp $1,%edi
	ja out
	mov %edi,%eax
	jmp *absolute_table(,%rax,8)
case a0,110
case a1,99
out:	ret
endfunc absolute

func two_level
	movzbl bytes(%rdi),%eax
	jmp *level_table(,%rax,8)
case b0,111
case b1,100
endfunc two_level

func words
	lea words_base(%rip),%rdx
	movzwl word_table(,%rdi,2),%eax
	lea (%rdx,%rax,4),%rax
	jmp *%rax
	.balign 4
words_base:
case c0,124
	.balign 4
c1:	mov $140,%eax
	xor %edi,%edi
	syscall
	ret
endfunc words

func masked
	and $1,%edi
	lea masked_table(%rip),%rdx
	movslq (%rdx,%rdi,4),%rax
	add %rdx,%rax
	notrack jmp *%rax
case d0,102
case d1,104
endfunc masked

func behind
	lea 1f(%rip),%rdx
	jmp *(%rdx,%rdi,8)
	.balign 8
1:	.quad e0,e1
case e0,107
case e1,108
endfunc behind

func passed
	mov (%r12,%rdi,8),%rax
	jmp *%rax
endfunc passed
	.type loose,@function
loose:
case f0,95
case f1,24
	.size loose,.-loose

	.section .rodata
	.balign 8
absolute_table: .quad a0,a1
level_table: .quad b1,b0
passed_table: .quad f0,f1
bytes:	.byte 1,0
	.balign 2
word_table: .short (c0-words_base)/4,(c1-words_base)/4
	.balign 4
masked_table: .long d0-masked_table,d1-masked_table
