# An instruction that an analysis may not decode or model must not leave the value from before: each
# of these writes eax, and 169 (reboot) is what was there.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# COVER: read write
# NOT: reboot
# PITFALL: 14
	.include "rt.inc"
	.text
func _start
	mov $-1,%rdi
	xor %esi,%esi
	xor %edx,%edx
	mov $169,%eax
	mov $0,%ecx
	popcnt %ecx,%eax	# 0, read
	syscall
	mov $169,%eax
	mov $1,%ecx
	tzcnt %ecx,%eax		# 0
	syscall
	mov $169,%eax
	pxor %xmm0,%xmm0
	pextrw $3,%xmm0,%eax	# 0
	syscall
	mov $169,%eax
	pmovmskb %xmm0,%eax	# 0
	syscall
	mov $169,%eax
	cvttsd2si %xmm0,%eax	# 0
	syscall
	mov $169,%eax
	mov $1,%ecx
	crc32l %ecx,%ecx
	mov %ecx,%eax
	and $1,%eax		# 1 or 0
	syscall
	mov $169,%eax
	mov $5,%ecx
	bsr %ecx,%eax		# 2
	dec %eax		# 1, write
	syscall
	mov $169,%eax
	lahf
	sahf
	movzbl %ah,%eax
	xor %eax,%eax
	syscall
	mov $169,%eax
	clc
	sbb %eax,%eax		# 0
	syscall
	exit0
endfunc _start
