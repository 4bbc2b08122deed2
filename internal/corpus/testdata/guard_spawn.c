// What the child of posix_spawn does depends on flags and actions that calls of other functions put into its
// attributes: a constant, a sum that only the run knows, and a function found by name.
//
// BUILD: gcc -O2 {{-DCONSTANT|-DRUN_TIME|-DBY_NAME}} {{src}} -o {{out}}
// BUILD: gcc -O2 -static {{-DCONSTANT|-DRUN_TIME}} {{src}} -o {{out}}
// WANT: setsid setpgid fchdir
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(posix_spawnattr_t *a, posix_spawn_file_actions_t *f)
{
	char *argv[] = {"true", 0};
	pid_t pid;
	if (posix_spawn(&pid, "/bin/true", f, a, argv, environ))
		return 1;
	return waitpid(pid, 0, 0) != pid;
}

int main(int argc, char **argv)
{
	posix_spawnattr_t a;
	posix_spawn_file_actions_t f;
	int root = open("/", O_RDONLY | O_DIRECTORY);
	posix_spawnattr_init(&a);
	posix_spawn_file_actions_init(&f);
	posix_spawn_file_actions_addfchdir_np(&f, root);
#ifdef BY_NAME
	int (*set)(posix_spawnattr_t *, short) = (int (*)(posix_spawnattr_t *, short))dlsym(RTLD_DEFAULT, "posix_spawnattr_setflags");
#else
	int (*const set)(posix_spawnattr_t *, short) = posix_spawnattr_setflags;
#endif
	for (int k = 0; k < 2; k++) {
#ifdef RUN_TIME
		set(&a, k ? argc << 7 : atoi("2"));
#else
		if (k)
			set(&a, POSIX_SPAWN_SETSID);
		else
			set(&a, POSIX_SPAWN_SETPGROUP);
#endif
		if (run(&a, &f))
			return 1;
	}
	return 0;
}
