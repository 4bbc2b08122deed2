# Every condition of every width of cmp, on constants that a caller passes, in functions with one caller
# each. Which branch is taken the processor says: each leads to an instruction of its own, and those that
# were traced must be among the sites of the answer.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# WANT: getppid
# UNRESOLVED: none
	.include "rt.inc"
	.text

# Two calls, of which one is made.
	.macro branch cc
	j\cc 8f
	mov $110,%eax
	syscall
	jmp 9f
8:	mov $110,%eax
	syscall
9:
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
