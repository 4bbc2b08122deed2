# A number that has no name yet: programs probe for calls of newer kernels, and a filter that does not
# let them through must know. Not naming it is a silent drop.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid
	.include "rt.inc"
	.text
func _start
	mov $999,%eax
	syscall
	mov $110,%eax
	syscall
	exit0
endfunc _start
