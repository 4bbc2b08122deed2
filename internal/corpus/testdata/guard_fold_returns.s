# What short functions return, written and compared in every width: the branch that the processor takes is
# among the sites of the answer.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# BUILD: gcc -Wa,--defsym,SECOND=1 {{free}} {{src}} -o {{out}}
# WANT: getppid
# UNRESOLVED: none
	.include "rt.inc"
	.text

	.macro branch cc
	j\cc 8f
	mov $110,%eax
	syscall
	jmp 9f
8:	mov $110,%eax
	syscall
9:
	.endm

	.macro invoke call name
	mov $0x123456789abcdef0,%rax
	mov %r12d,%edi
	call \call\name
	.endm

# A function that returns what either of two instructions leaves in rax.
	.macro leaf name first:req second:req
func leaf\name
	test %edi,%edi
	je 1f
	\first
	ret
1:	\second
	ret
endfunc leaf\name
func tail\name
	cmp $5,%edi
	jg 1f
	jmp leaf\name
1:	mov $7,%eax
	ret
endfunc tail\name
func caller\name
	push %rbx
	push %r12
	push %r13
	mov %edi,%r12d
	.irp call,leaf,tail
	.irp cc,o,no,b,ae,e,ne,be,a,s,ns,p,np,l,ge,le,g
	.irp compare,"test %eax,%eax","test %rax,%rax","test %al,%al","test %ax,%ax","cmp $-1,%eax","cmp $-1,%rax","cmp $-1,%al","cmp $1,%ax","cmp $7,%rax","cmp $127,%eax","test $1,%al"
	invoke \call,\name
	\compare
	branch \cc
	.endr
	.irp compare,"test %ebx,%ebx","test %rbx,%rbx","cmp $-1,%rbx","cmp $-1,%bl","cmp $200,%rbx"
	invoke \call,\name
	mov %eax,%ebx
	\compare
	branch \cc
	invoke \call,\name
	mov %rax,%rbx
	\compare
	branch \cc
	mov $0x123456789abcdef0,%rbx
	invoke \call,\name
	mov %al,%bl
	\compare
	branch \cc
	invoke \call,\name
	movsbq %al,%rbx
	\compare
	branch \cc
	invoke \call,\name
	movslq %eax,%rbx
	\compare
	branch \cc
	.endr
	invoke \call,\name
	mov $-1,%r13d
	cmp %r13d,%eax
	branch \cc
	invoke \call,\name
	mov $-1,%r13
	cmp %rax,%r13
	branch \cc
	invoke \call,\name
	mov $1,%r13d
	cmp %al,%r13b
	branch \cc
	.endr
	.endr
	pop %r13
	pop %r12
	pop %rbx
	ret
endfunc caller\name
	.endm

	.ifndef SECOND
	leaf 0 "mov $-1,%eax" "xor %eax,%eax"
	leaf 1 "mov $-1,%rax" "xor %eax,%eax"
	leaf 2 "mov $1,%al" "mov $0,%al"
	leaf 3 "mov $1,%ax" "xor %eax,%eax"
	.else
	leaf 0 "or $-1,%rax" "mov $0x80,%eax"
	leaf 1 "mov $0x100000000,%rax" "mov $1,%ah"
	leaf 2 "movzbl %dil,%eax" "mov $0x80000000,%eax"
	leaf 3 "not %eax" "mov $0x7fffffffffffffff,%rax"
	.endif

func _start
	.irp n,0,1,2,3
	mov $1,%edi
	call caller\n
	.endr
	.irp n,0,1,2,3
	xor %edi,%edi
	call caller\n
	.endr
	.irp n,0,2
	mov $9,%edi
	call caller\n
	.endr
	exit0
endfunc _start
