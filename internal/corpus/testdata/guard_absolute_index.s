# An address in the displacement, with a base that is 0 and an index that a table holds, as clang -Os has it: what is
# written may be the guard.
#
# BUILD: gcc -nostdlib -static -no-pie {{src}} -o {{out}}
# WANT: getppid getpgrp getuid getgid
	.text
	.globl _start
	.type _start,@function
_start:
	call	set
	cmpb	$0,guard(%rip)
	jle	1f
	mov	$110,%eax	# getppid
	syscall
1:	cmpb	$0,guard2(%rip)
	jle	1f
	mov	$111,%eax	# getpgrp
	syscall
1:	cmpb	$0,guard3(%rip)
	jle	1f
	mov	$102,%eax	# getuid
	syscall
1:	cmpb	$0,guard4(%rip)
	jle	1f
	mov	$104,%eax	# getgid
	syscall
1:	xor	%edi,%edi
	mov	$231,%eax	# exit_group
	syscall
	hlt
	.size _start,.-_start

	.type set,@function
set:
	mov	$1,%al
	xor	%ecx,%ecx
1:	shl	$4,%rcx
	mov	table(%rcx),%rdx
	cmpb	$0x73,(%rdx)
	jne	2f
	xor	%edx,%edx
	mov	table+8(%rcx),%rcx
	movb	$0x53,guard(%rdx,%rcx,1)
	movb	$0x53,guard2(%rcx,%rdx,1)
	movb	$0x53,guard3(%rdx,%rcx,8)
	lea	guard4(%rdx,%rcx,1),%rsi
	movb	$0x53,(%rsi)
2:	mov	$1,%ecx
	test	$1,%al
	mov	$0,%eax
	jne	1b
	ret
	.size set,.-set

	.section .rodata
	.balign 16
table:	.quad none,0,some,0
none:	.string "none"
some:	.string "some"

	.bss
	.balign 64
	.type guard,@object
guard:	.skip 1
	.size guard,1
	.balign 64
	.type guard2,@object
guard2:	.skip 1
	.size guard2,1
	.balign 64
	.type guard3,@object
guard3:	.skip 1
	.size guard3,1
	.balign 64
	.type guard4,@object
guard4:	.skip 1
	.size guard4,1
