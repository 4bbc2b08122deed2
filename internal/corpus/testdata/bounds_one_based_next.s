# A table that is counted from 1, right behind another object, at whose start the address of entry 0 would be:
# read by a displacement from the table, and, at fixed addresses, by one alone.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# BUILD: gcc -Wa,--defsym,FIXED=1 {{free}} {{src}} -o {{out}}
# BUILD: gcc -Wa,--defsym,FIXED=1 -Wa,--defsym,SHORT=1 {{free}} {{src}} -o {{out}}
# WANT: getppid sysinfo
# UNRESOLVED: none
# TRAP: 1
	.include "rt.inc"
	.text
func _start
	.ifdef SHORT
	cmpl $1,short(%rip)
	call f0
	.else
	call *one(%rip)
	.endif
	movslq n(%rip),%rax
	.ifdef FIXED
	mov one(,%rax,8),%rax
	.else
	lea table(%rip),%rcx
	mov -8(%rcx,%rax,8),%rax
	xor %ecx,%ecx
	.endif
	mov %rax,%rbx
	call *%rbx
	exit0
endfunc _start
	marker f0 110
	marker f1 99
	.data
	.balign 32
	.skip 8
	.type n,@object
	.size n,8
n:	.quad 1
	.ifdef SHORT
	.type short,@object
	.size short,4
short:
	.set one,short
	.long 1,0
	.else
	.type one,@object
	.size one,8
one:	.quad f0
	.endif
	.type table,@object
	.size table,16
table:	.quad f1,0
