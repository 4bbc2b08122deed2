/* The hole in a compartment: it calls any address with any arguments, %rax included, as one
   does whose function pointer an attacker controls. HOLE names the compartment's function. */
noinline long HOLE(const struct call *calls, int n)
{
	long ret = 0;

	for (int i = 0; i < n; i++) {
		ret = calls[i].a[4];
		asm volatile("movq 0(%2), %%rdi\n\tmovq 8(%2), %%rsi\n\tmovq 16(%2), %%rdx\n\tmovq 24(%2), %%rcx\n\t"
			     "xorl %%r8d, %%r8d\n\txorl %%r9d, %%r9d\n\tcall *%1"
			     : "+a"(ret) : "b"(calls[i].addr), "r"(calls[i].a)
			     : "rdi", "rsi", "rdx", "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
	}
	return ret;
}
