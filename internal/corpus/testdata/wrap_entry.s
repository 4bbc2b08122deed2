# Registers as they are when the program starts: the kernel clears them, and small programs rely on it. Nobody in
# the file passes the number that the entry does not set.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# COVER: read
# UNRESOLVED: number
# TRAP: 6
	.include "rt.inc"
	.text
func _start
	call zero
	exit0
endfunc _start
func zero
	xor %edx,%edx
	mov %ebp,%eax
	syscall
	ret
endfunc zero
