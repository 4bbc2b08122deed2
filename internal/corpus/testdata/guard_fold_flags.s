# The flags after instructions that are no comparisons, and arithmetic on constants: an analysis that folds
# branches must know both, or leave both ways open. As in guard_fold_cmp.s the processor says which site
# makes the call.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# WANT: getppid
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

	.macro one name load op:vararg
func \name
	.irp cc,o,b,e,be,s,p,l,le
	\load
	\op
	branch \cc
	.endr
	ret
endfunc \name
	.endm

	.macro minus
	mov $-1,%ecx
	mov $1,%edx
	clc
	.endm
	.macro carry
	mov $0x80000000,%ecx
	mov $0x80,%edx
	stc
	.endm

	.irp f,minus,carry
	one \f\()0 \f add %edx,%ecx
	one \f\()1 \f sub %edx,%ecx
	one \f\()2 \f and %edx,%ecx
	one \f\()3 \f or %edx,%ecx
	one \f\()4 \f xor %edx,%ecx
	one \f\()5 \f inc %ecx
	one \f\()6 \f dec %ecx
	one \f\()7 \f neg %ecx
	one \f\()8 \f not %ecx
	one \f\()9 \f shl $1,%ecx
	one \f\()10 \f shr $1,%ecx
	one \f\()11 \f sar $31,%ecx
	one \f\()12 \f rol $1,%ecx
	one \f\()13 \f ror $1,%ecx
	one \f\()14 \f adc %edx,%ecx
	one \f\()15 \f sbb %edx,%ecx
	one \f\()16 \f bt $0,%ecx
	one \f\()17 \f addb $1,%cl
	one \f\()18 \f subw $1,%cx
	one \f\()19 \f imul %edx,%ecx
	one \f\()20 \f xadd %edx,%ecx
	one \f\()21 \f cmpxchg %edx,%ecx
	one \f\()22 \f popcnt %ecx,%ecx
	one \f\()23 \f lea 1(%rcx),%ecx
	one \f\()24 \f shl %cl,%edx
	one \f\()25 \f bsr %edx,%ecx
	one \f\()26 \f mul %edx
	one \f\()27 \f sahf
	.endr

func _start
	.irp f,minus,carry
	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27
	mov $0x4600,%eax	# for sahf and mul
	call \f\n
	.endr
	.endr
	exit0
endfunc _start
