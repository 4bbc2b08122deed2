# At a fixed address below 4 GiB, tables of code addresses need 4 bytes an entry, and
# the entries need not be aligned to 8. One is packed behind a byte.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getsid getpriority
# TRAP: 3
	.include "rt.inc"
	.text
func _start
	xor %ebx,%ebx
1:	mov table(,%rbx,4),%eax
	call *%rax
	inc %ebx
	cmp $3,%ebx
	jne 1b
	lea packed(%rip),%rbx
2:	mov 1(%rbx),%eax
	call *%rax
	mov 6(%rbx),%eax
	call *%rax
	mov unaligned+3(%rip),%rax
	call *%rax
	exit0
endfunc _start
	marker f0 110
	marker f1 99
	marker f2 111
	marker g0 100
	marker g1 124
	marker h0 140
	.section .rodata
	.balign 8
	.long 0
table:	.long f0,f1,f2
	.data
packed:	.byte 1
	.long g0
	.byte 2
	.long g1
	.balign 8
unaligned: .byte 1,2,3
	.quad h0
