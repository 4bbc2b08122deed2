# Every condition of every width on words that nothing writes: compared with an immediate, with a register,
# tested with a mask, loaded first. Which branch is taken the processor says: each leads to an instruction of
# its own, and those that were traced must be among the sites of the answer.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# BUILD: gcc -Wa,--defsym,FIRST=1 {{free}} {{src}} -o {{out}}
# WANT: getppid
# UNRESOLVED: none
	.include "rt.inc"
	.ifdef FIRST
	.set v0,0
	.set v1,1
	.set v2,-1
	.set v3,0x80
	.set v4,0x7f
	.set v5,0x8000
	.else
	.set v0,0x80000000
	.set v1,0x7fffffff
	.set v2,0x0123456789abcdef
	.set v3,0x8000000000000000
	.set v4,0xffffffff00000001
	.set v5,0x100000000
	.endif
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

	.macro conditions compare:vararg
	.irp cc,o,no,b,ae,e,ne,be,a,s,ns,p,np,l,ge,le,g
	\compare
	branch \cc
	.endr
	.endm

	.macro word n
func f\n
	.irp imm,0,1,-1,0x7f,-0x80
	conditions cmpb $\imm,w\n(%rip)
	conditions cmpw $\imm,w\n(%rip)
	conditions cmpl $\imm,w\n(%rip)
	conditions cmpq $\imm,w\n(%rip)
	conditions cmpb $\imm,w\n+3(%rip)
	conditions cmpl $\imm,w\n+4
	.endr
	.irp imm,1,-1,0x70,-0x80
	conditions testb $\imm,w\n(%rip)
	conditions testw $\imm,w\n(%rip)
	conditions testl $\imm,w\n(%rip)
	conditions testq $\imm,w\n(%rip)
	.endr
	conditions testq $0x40000000,w\n(%rip)
	conditions testq $-0x80000000,w\n(%rip)
	.irp cc,o,no,b,ae,e,ne,be,a,s,ns,l,ge,le,g
	mov w\n(%rip),%ebx
	test %ebx,%ebx
	branch \cc
	mov w\n(%rip),%rbx
	test %rbx,%rbx
	branch \cc
	mov w\n(%rip),%rbx
	cmp $-1,%rbx
	branch \cc
	mov w\n(%rip),%rbx
	cmp $-1,%ebx
	branch \cc
	mov w\n(%rip),%rbx
	cmp $-1,%bx
	branch \cc
	mov w\n(%rip),%rbx
	cmp $1,%bh
	branch \cc
	mov w\n(%rip),%ebx
	cmp $-1,%rbx
	branch \cc
	movslq w\n(%rip),%rbx
	cmp $-1,%rbx
	branch \cc
	movslq w\n(%rip),%rbx
	cmp $-1,%ebx
	branch \cc
	mov $1,%ecx
	cmp %ecx,w\n(%rip)
	branch \cc
	mov $1,%ecx
	cmp w\n(%rip),%rcx
	branch \cc
	mov $-1,%rcx
	mov w\n(%rip),%rbx
	cmp %rcx,%rbx
	branch \cc
	mov $-1,%ecx
	cmp %cl,w\n(%rip)
	branch \cc
	lea w\n(%rip),%rdx
	cmpw $1,2(%rdx)
	branch \cc
	.endr
	ret
endfunc f\n
	.data
w\n:	.quad v\n
	.text
	.endm

func _start
	.irp n,0,1,2,3,4,5
	call f\n
	.endr
	exit0
endfunc _start
	.irp n,0,1,2,3,4,5
	word \n
	.endr
