/* Makes one call under a filter, and says what came of it. It needs write, exit, exit_group,
 * clone and execve, and no library: built with -static -nostdlib -ffreestanding.
 *
 *   probe ok                 says ok
 *   probe call NR [A B]      makes a call of x86_64 with two arguments
 *   probe int80 NR           makes a call of i386
 *   probe thread NR          makes it in a second thread
 *   probe exec PATH NR       executes itself, which makes it
 *
 * It prints the result of the call, a number. */
typedef unsigned long ulong;

static long call(ulong nr, ulong a, ulong b, ulong c, ulong d, ulong e)
{
	long ret;
	register ulong r10 __asm__("r10") = d;
	register ulong r8 __asm__("r8") = e;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
	return ret;
}

static void say(const char *s)
{
	ulong n = 0;

	while (s[n])
		n++;
	call(1, 1, (ulong)s, n, 0, 0);
}

static void number(long v)
{
	char text[24];
	int i = 23;
	ulong u = v < 0 ? -(ulong)v : (ulong)v;

	text[i] = 0;
	text[--i] = '\n';
	do
		text[--i] = '0' + u % 10;
	while (u /= 10);
	if (v < 0)
		text[--i] = '-';
	say(text + i);
}

static ulong parse(const char *s)
{
	ulong v = 0, base = 10;

	if (s[0] == '0' && s[1] == 'x') {
		base = 16;
		s += 2;
	}
	for (; *s; s++)
		v = v * base + (*s <= '9' ? *s - '0' : *s - 'a' + 10);
	return v;
}

static char stack[1 << 16];
static volatile int done;
static ulong wanted;

/* A thread that shares everything, as pthread_create makes it. */
static void thread(void)
{
	ulong flags = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000; /* VM, FS, FILES, SIGHAND, THREAD */
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(56L), "D"(flags), "S"(stack + sizeof(stack) - 64), "d"(0L) : "rcx", "r11", "memory");
	if (ret == 0) {
		number(call(wanted, 0, 0, 0, 0, 0));
		done = 1;
		for (;;)
			call(60, 0, 0, 0, 0, 0);
	}
	if (ret < 0) {
		say("no thread\n");
		return;
	}
	while (!done)
		__asm__ volatile("pause");
}

int start(ulong *sp)
{
	long argc = sp[0];
	char **argv = (char **)(sp + 1);
	char what = argc > 1 ? argv[1][0] : 0;

	if (what == 'o') {
		say("ok\n");
	} else if (what == 'c' && argc > 2) {
		number(call(parse(argv[2]), argc > 3 ? parse(argv[3]) : 0, argc > 4 ? parse(argv[4]) : 0, 0, 0, 0));
	} else if (what == 'i' && argc > 2) {
		long ret;

		__asm__ volatile("int $0x80" : "=a"(ret) : "a"(parse(argv[2])), "b"(0L), "c"(0L) : "r8", "r9", "r10", "r11", "memory");
		number(ret);
	} else if (what == 't' && argc > 2) {
		wanted = parse(argv[2]);
		thread();
	} else if (what == 'e' && argc > 3) {
		char *args[] = { argv[2], "call", argv[3], 0 };
		char *env[] = { 0 };

		number(call(59, (ulong)argv[2], (ulong)args, (ulong)env, 0, 0));
	}
	for (;;)
		call(231, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call start\n hlt\n");
