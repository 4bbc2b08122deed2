# Every condition of every width of cmp, on constants that a caller passes, in functions with one caller
# each. Which branch is taken the processor says: the number that it leads to is nobody's name (1000 and
# up), so that what was traced must be in the answer.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# WANT: exit_group
# UNRESOLVED: none
	.include "rt.inc"
	.text
	.set number,1000

# Two calls, of which one is made.
	.macro branch cc
	j\cc 8f
	mov $number,%eax
	jmp 9f
8:	mov $number+1,%eax
9:	syscall
	.set number,number+2
	.endm

	.macro conditions compare:vararg
	.irp cc,o,no,b,ae,e,ne,be,a,s,ns,p,np,l,ge,le,g
	\compare
	branch \cc
	.endr
	.endm

	.macro pair name
func \name
	push %rbx
	push %r12
	mov %rdi,%rbx
	mov %rsi,%r12
	xor %edi,%edi
	conditions cmp %r12b,%bl
	conditions cmp %r12w,%bx
	conditions cmp %r12d,%ebx
	conditions cmp %r12,%rbx
	conditions test %r12d,%ebx
	pop %r12
	pop %rbx
	ret
endfunc \name
	.endm

	.macro run name a b
	mov $\a,%rdi
	mov $\b,%rsi
	call \name
	.endm

func _start
	run p0 0 0
	run p1 1 2
	run p2 -1 1
	run p3 0x101 1
	run p4 0x80000000 1
	run p5 0x7fffffff -1
	run p6 0x100000000 0
	run p7 0x80 0x7f
	exit0
endfunc _start
	.irp n,0,1,2,3,4,5,6,7
	pair p\n
	.endr
