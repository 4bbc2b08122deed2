/* Makes calls under a filter and says what came of them.
 *
 * Input: the length of the filter in bytes (u32), the filter, the number of
 * calls (u32), and for each: how (u32: 0 syscall, 1 int 0x80), number (u32), six
 * arguments (u64). Output: what each returned (i64).
 *
 * A child makes the calls, as the filter may refuse it whatever it needs to
 * write the results. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct call { uint32_t how, nr; uint64_t args[6]; };

static void want(void *p, size_t n) { if (fread(p, 1, n, stdin) != n) { perror("input"); exit(1); } }

static int64_t native(const struct call *c) {
  register uint64_t r10 asm("r10") = c->args[3], r8 asm("r8") = c->args[4], r9 asm("r9") = c->args[5];
  int64_t ret;
  asm volatile("syscall" : "=a"(ret) : "a"((uint64_t)c->nr), "D"(c->args[0]), "S"(c->args[1]), "d"(c->args[2]),
               "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return ret;
}

static int64_t compat(const struct call *c) {
  int32_t ret;
  uint64_t rbp = c->args[5];
  asm volatile("push %%rbp\n mov %2, %%rbp\n int $0x80\n pop %%rbp"
               : "=a"(ret) : "a"(c->nr), "r"(rbp), "b"(c->args[0]), "c"(c->args[1]), "d"(c->args[2]),
               "S"(c->args[3]), "D"(c->args[4]) : "r8", "r9", "r10", "r11", "memory");
  return ret;
}

int main(void) {
  uint32_t len, n;
  want(&len, 4);
  struct sock_filter *code = malloc(len);
  want(code, len);
  want(&n, 4);
  struct call *calls = calloc(n, sizeof *calls);
  want(calls, n * sizeof *calls);
  int64_t *out = mmap(0, n * 8, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  volatile int *done = mmap(0, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t pid = fork();
  if (pid == 0) {
    struct sock_fprog prog = {len / 8, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog)) { perror("seccomp"); _exit(1); }
    for (uint32_t i = 0; i < n; i++)
      out[i] = calls[i].how ? compat(&calls[i]) : native(&calls[i]);
    *done = 1;
    __builtin_trap(); /* nothing that would end the process is allowed */
  }
  int status;
  waitpid(pid, &status, 0);
  if (!*done) { fprintf(stderr, "the child ended with %#x\n", status); return 1; }
  fwrite(out, 8, n, stdout);
  return 0;
}
