# Differences of one address to itself are zero, whatever comes of them; of two that are not the same, or of which one moves,
# nothing is known.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid getpgrp getuid getgid geteuid
	.include "rt.inc"
	.text
func _start
	# zero, added again
	lea table(%rip),%rdi
	lea table(%rip),%rsi
	sub %rdi,%rsi
	sar $3,%rsi
	lea (%rdi,%rsi,8),%rsi
	call *(%rsi)
	# another address: the difference leads back to it
	lea table(%rip),%rdi
	lea other(%rip),%rsi
	sub %rdi,%rsi
	add %rsi,%rdi
	call *(%rdi)
	# moved in a loop before it is compared with where it began
	lea third(%rip),%rbx
	lea third(%rip),%r12
1:	add $8,%rbx
	cmp %r12,%rbx
	je 2f
	call *(%r12)
	jmp 3f
2:	ud2
3:	cmp %r12,%r12
	jne 2b
	# 32 bits of a comparison, and other conditions
	lea fourth(%rip),%rax
	lea fourth(%rip),%rcx
	cmp %rax,%rcx
	ja 2b
	cmp %rax,%rcx
	jbe 4f
	ud2
4:	call *(%rcx)
	# shifted out, by a count that is not zero
	mov $4,%edx
	shr $3,%edx
	jne 2b
	mov $8,%edx
	shr $3,%edx
	je 2b
	lea fifth(%rip),%rcx
	call *(%rcx)
	exit0
endfunc _start
	marker f0 110
	marker f1 111
	marker f2 102
	marker f3 104
	marker f4 107
	.section .data.rel,"aw"
	.balign 32
table:	.quad f0, 0, 0, 0
other:	.quad f1, 0, 0, 0
third:	.quad f2, 0, 0, 0
fourth:	.quad f3, 0, 0, 0
fifth:	.quad f4, 0, 0, 0
