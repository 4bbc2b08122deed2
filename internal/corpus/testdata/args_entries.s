# One syscall instruction, several ways to it: two entries of a function, one of them with a value that the
# other does not have; a call of the instruction itself; a jump into the middle of another function; a byte that
# is written into a register whose rest is known.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# ARGS: lseek.whence=0x1,0x2,0x4 getpriority.which=0x0,0x1,0x2 umask.mask=0x12,0x112 fallocate.mode=0x2
	.include "rt.inc"
	.text
func _start
	call first
	call second
	mov $2,%edi
	mov $140,%eax
	call direct
	call into
	mov $140,%eax
	mov $1,%edi
	call direct
	mov $0x100,%edi
	mov $0x12,%dil
	mov $95,%eax
	syscall
	mov $0x12,%edi
	mov $95,%eax
	syscall
	mov $-1,%edi
	movabs $0x700000002,%rsi
	mov $285,%eax
	syscall
	exit0
endfunc _start
func first
	mov $1,%edx
	jmp common
endfunc first
func second
	mov $2,%edx
	jmp common
endfunc second
func third
	mov $4,%edx
common:
	mov $-1,%edi
	xor %esi,%esi
	mov $8,%eax
	syscall
	ret
endfunc third
func into
	xor %edi,%edi
	call third
	xor %edi,%edi
	mov $140,%eax
	jmp direct
endfunc into
func gate
	mov $140,%eax
	mov $2,%edi
direct:	syscall
	ret
endfunc gate
