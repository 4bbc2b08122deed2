/* Runs machine code from memory that was made executable. */
static int run(const unsigned char *code, unsigned long n)
{
	long p;
	register long flags __asm__("r10") = 0x22, fd __asm__("r8") = -1, off __asm__("r9") = 0;
	__asm__ volatile("syscall"
			 : "=a"(p)
			 : "0"((long)__NR_mmap), "D"(0L), "S"(4096L), "d"(3L), "r"(flags), "r"(fd), "r"(off)
			 : "rcx", "r11", "memory");
	rt_copy((void *)p, code, n);
	SYS3(__NR_mprotect, p, 4096, 5);
	return ((int (*)(void))p)();
}
