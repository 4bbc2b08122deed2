/* Makes the filter that runc makes of an OCI profile, with libseccomp, and writes it to
 * standard output. Reads lines:
 *
 *   default ACTION
 *   arch TOKEN
 *   rule ACTION NAME [ARG OP A B]...
 *
 * Actions, tokens and OPs are numbers of seccomp.h. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const char *line, int err)
{
	fprintf(stderr, "%s: %s: %s\n", line, what, strerror(-err));
	exit(1);
}

int main(void)
{
	static char line[1 << 16];
	scmp_filter_ctx ctx = NULL;

	while (fgets(line, sizeof(line), stdin)) {
		char name[64];
		unsigned action;
		int used, err;

		if (sscanf(line, "default %u", &action) == 1) {
			ctx = seccomp_init(action);
			if (!ctx)
				die("seccomp_init", line, -EINVAL);
		} else if (sscanf(line, "arch %u", &action) == 1) {
			err = seccomp_arch_add(ctx, action);
			if (err && err != -EEXIST)
				die("seccomp_arch_add", line, err);
		} else if (sscanf(line, "rule %u %63s%n", &action, name, &used) == 2) {
			struct scmp_arg_cmp args[6];
			unsigned n = 0, arg, op;
			unsigned long long a, b;
			char *rest = line + used;
			int more, nr = seccomp_syscall_resolve_name(name);

			if (nr == __NR_SCMP_ERROR) { /* runc goes on */
				fprintf(stderr, "unknown %s\n", name);
				continue;
			}
			while (n < 6 && sscanf(rest, "%u %u %llu %llu%n", &arg, &op, &a, &b, &more) == 4) {
				args[n++] = SCMP_CMP64(arg, op, a, b);
				rest += more;
			}
			err = seccomp_rule_add_array(ctx, action, nr, n, args);
			if (err)
				die("seccomp_rule_add_array", line, err);
		} else {
			die("no such line", line, -EINVAL);
		}
	}
	return seccomp_export_bpf(ctx, 1) ? 1 : 0;
}
