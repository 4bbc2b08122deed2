# Hand-written code without any unwind information, symbols local and soon stripped: functions found
# by direct calls, by pointers in data, by lea, by a tail jump and by falling through.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getsid getpriority
# UNRESOLVED: none
# PITFALL: 3 14
	.text
	.globl _start
_start:
	call direct
	call *slot(%rip)
	lea pointed(%rip),%rax
	call *%rax
	call tail
	xor %edi,%edi
	mov $231,%eax
	syscall
	.byte 0xcc,0xcc,0xcc
direct:	mov $110,%eax
	xor %edi,%edi
	syscall
	ret
	.byte 0x06,0x07,0x0e	# no instructions in 64-bit mode
in_data:
	mov $99,%eax
	xor %edi,%edi
	syscall
	ret
	.balign 16,0
pointed:
	mov $111,%eax
	xor %edi,%edi
	syscall
	ret
tail:	xor %edi,%edi
	test %edi,%edi
	je tailed
	ud2
	.skip 5,0x90
tailed:	mov $100,%eax
	syscall
	mov $124,%eax
	loop 1f
1:	syscall
	mov $140,%eax
	xor %ecx,%ecx
	jrcxz 2f
	ud2
2:	syscall
	ret
	.section .data.rel,"aw"
	.balign 8
slot:	.quad in_data
