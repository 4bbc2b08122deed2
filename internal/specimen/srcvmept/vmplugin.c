/* libplugin: compartment 1, with the files. */
#include "vmept.h"

const char plugin_secret_name[] = "secret";

/* Nobody else is to call this. */
noinline int plugin_wipe(void) { return unlink(plugin_secret_name); }

static int plugin_init(void)
{
	int fd;

	if (flexos_vmept_comp_id != 1)
		return 0;
	plugin_wipe();
	fd = creat(plugin_secret_name, 0);
	write(fd, "xyzzy", 6);
	close(fd);
	return 0;
}
UK_INIT_PRIO(plugin_init, 40);

noinline int plugin_load(const char *path, char *out, size_t n)
{
	int fd = open(path, 0, 0), got;

	if (fd < 0)
		return -1;
	got = read(fd, out, n);
	close(fd);
	return got;
}

noinline int plugin_secret(void)
{
	char b[8];

	return plugin_load(plugin_secret_name, b, sizeof(b));
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
