# A program in which no call is found: that is an error of the analysis, or a very strange program, and
# must not look like an answer.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# UNRESOLVED: no-syscalls
# RUN: no, it never ends
# STRIP: no
	.globl _start
_start:	pause
	jmp _start
