# The stub of a sealed program, as it stands at the start of its segment: it installs the
# filter and jumps to the program's own entry. stub.hex is this file assembled
# (go test -run TestStub -update); layout.go has the offsets of the header.
#
# At entry the ABI gives a meaning to rsp and rdx (x86-64 psABI 1.0, section 3.4.1); the stub
# gives back every register and the flags as they were. The words below rsp are free.
	.intel_syntax noprefix
	.text

	.set	NR_write, 1
	.set	NR_prctl, 157
	.set	NR_exit_group, 231
	.set	NR_seccomp, 317
	.set	PR_SET_NO_NEW_PRIVS, 38
	.set	SET_MODE_FILTER, 1
	.set	TSYNC, 1
	.set	EACCES, 13

	.set	PROBE_FLAGS, 0xf17e60f1		# probe.go
	.set	PROBE_ERRNO, 4001
	.set	EXIT_CODE, 125

head:	.skip	60				# layout.go
	.long	data-head
	.skip	64
	.set	HEAD_probe, head+24
	.set	HEAD_count, head+36
	.set	HEAD_message, head+40
	.set	HEAD_length, head+44

	endbr64
	pushfq
	push	rax
	push	rcx
	push	rdx
	push	rsi
	push	rdi
	push	r8
	push	r10
	push	r11

# Is this very filter in place, installed before an exec? Filters add up.
	mov	eax, NR_seccomp
	mov	edi, SET_MODE_FILTER
	mov	esi, PROBE_FLAGS
	mov	rdx, [rip+HEAD_probe]
	syscall
	cmp	rax, -PROBE_ERRNO
	je	done

# struct sock_fprog
	lea	rax, [rip+filter]
	push	rax
	mov	eax, [rip+HEAD_count]
	push	rax

	mov	eax, NR_seccomp
	mov	edi, SET_MODE_FILTER
	mov	esi, TSYNC
	mov	rdx, rsp
	syscall
	test	rax, rax
	je	installed
	cmp	rax, -EACCES			# neither CAP_SYS_ADMIN nor no_new_privs
	jne	failed

	mov	eax, NR_prctl
	mov	edi, PR_SET_NO_NEW_PRIVS
	mov	esi, 1
	xor	edx, edx
	xor	r10d, r10d
	xor	r8d, r8d
	syscall
	test	rax, rax
	jne	failed

	mov	eax, NR_seccomp
	mov	edi, SET_MODE_FILTER
	mov	esi, TSYNC
	mov	rdx, rsp
	syscall
	test	rax, rax
	jne	failed

# The kernel does not lie, but a filter in force may answer 0 in its place: ask again. Of two filters
# that answer with an error, the newer one's counts (kernel/seccomp.c: seccomp_run_filters).
installed:
	mov	eax, NR_seccomp
	mov	edi, SET_MODE_FILTER
	mov	esi, PROBE_FLAGS
	mov	rdx, [rip+HEAD_probe]
	syscall
	cmp	rax, -PROBE_ERRNO
	mov	rax, -PROBE_ERRNO
	jne	failed
	add	rsp, 16
done:
	pop	r11
	pop	r10
	pop	r8
	pop	rdi
	pop	rsi
	pop	rdx
	pop	rcx
	pop	rax
	popfq
	.byte	0xe9				# jmp to the old entry
entry:	.long	0

# rax is an error, or the id of a thread that cannot take the filter.
failed:
	mov	rbx, rax
	mov	eax, NR_write
	mov	edi, 2
	lea	rsi, [rip+data]
	mov	ecx, [rip+HEAD_message]		# from data
	add	rsi, rcx
	mov	edx, [rip+HEAD_length]
	syscall

# The number, in decimal: at most ten digits.
	mov	rax, rbx
	test	rax, rax
	jns	1f
	neg	rax
1:	lea	rsi, [rsp+16]			# over struct sock_fprog
	mov	ecx, 10
2:	xor	edx, edx
	div	ecx
	add	edx, 48
	dec	rsi
	mov	[rsi], dl
	test	eax, eax
	jne	2b
	lea	rdx, [rsp+16]
	sub	rdx, rsi
	mov	eax, NR_write
	mov	edi, 2
	syscall

# What it means.
	lea	rsi, [rip+reasons]
	neg	rbx				# an error number, or below 0: a thread
	jns	3f
	mov	rbx, -1
3:	movsx	rax, word ptr [rsi]
	movzx	edx, word ptr [rsi+2]
	add	rsi, 4
	cmp	rax, rbx
	je	4f
	test	rax, rax
	je	4f
	add	rsi, rdx
	jmp	3b
4:	mov	eax, NR_write
	mov	edi, 2
	syscall
	mov	eax, NR_exit_group
	mov	edi, EXIT_CODE
	syscall
	hlt

# What follows is no code: it has a section of its own.
	.balign	16, 0xcc
data:
	.macro	reason number, text
	.short	\number, 99f-98f
98:	.ascii	"\text\n"
99:
	.endm
reasons:
	reason	-1, " is a thread with other filters"
	reason	1, " (EPERM: refused by a filter or a security module that is in force already)"
	reason	11, " (EAGAIN: out of kernel memory for filters)"
	reason	12, " (ENOMEM: too many filters add up, at most 32768 instructions)"
	reason	13, " (EACCES: no_new_privs cannot be set)"
	reason	22, " (EINVAL: this kernel or emulator has no seccomp filters, or not this action)"
	reason	38, " (ENOSYS: there is no seccomp here: the kernel, an emulator or a filter in force lacks it)"
	reason	PROBE_ERRNO, " (seccomp(2) reported success, but the filter is not in force: a filter or an emulator answers in its place)"
	reason	0, " (an error that seccomp(2) does not document)"

	.balign	8
filter:
