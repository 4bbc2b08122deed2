/* libplugin: compartment 1, with the files. */
#include "vmept.h"

const char plugin_secret_name[] = "secret";

/* Nobody else is to call this. */
noinline int plugin_wipe(void) { return unlink(plugin_secret_name); }

static __attribute__((used)) int plugin_init(void)
{
	int fd;

	plugin_wipe();
	fd = creat(plugin_secret_name, 0);
	write(fd, "xyzzy", 6);
	close(fd);
	return 0;
}
#if FLEXOS_VMEPT_COMP_ID == 1	/* FlexOS's linker script has the tables of a compartment in its image alone */
UK_INIT_PRIO(plugin_init, 40);
#endif

noinline int plugin_load(const char *path, char *out, size_t n)
{
	int fd = open(path, 0, 0), got;

	if (fd < 0)
		return -1;
	got = read(fd, out, n);
	close(fd);
	return got;
}

/* Asks compartment 0 in between. */
noinline long plugin_sum(long a, long b, long c, long d, long e, long f)
{
	long s = a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f, r;

	if (getuid() != 1000)
		return -1;
	flexos_vmept_gate_r(1, 0, r, app_scale, s);
	return r;
}
