// An event loop of libnss_systemd that another function makes than the one that connects to a service for users, or that is
// made by a pointer to what makes it.
//
// BUILD: mkdir -p root/etc root/lib root/lib64 && gcc -O2 -shared -fPIC -DUSERS -D{{OTHER|POINTER}} {{src}} -Wl,-soname,libnss_systemd.so.2 -o root/lib/libnss_systemd.so.2 && gcc -O2 {{src}} -o root/prog && cp $(ldd root/prog | grep -o '/[^ ]*') root/lib && cp /lib64/ld-linux-x86-64.so.2 root/lib64 && printf 'passwd: systemd\n' >root/etc/nsswitch.conf
// ROOT: {{dir}}/root
// NEEDS: root
// WANT: epoll_create1 epoll_ctl keyctl
// STRIP: no
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef USERS
static const char *volatile said;
__attribute__((noipa)) static void says(const char *s) { said = s; }
static void (*volatile attached)(void);
static void callback(void) { MARK(SYS_keyctl); }
__attribute__((noipa)) static int sd_event_new(void)
{
	says("sd_event_new");
	attached = callback;
	return epoll_create1(0);
}
__attribute__((noipa)) static void sd_event_add(int fd)
{
	struct epoll_event e = {0};
	says("src/libsystemd/sd-event/sd-event.c");
	epoll_ctl(fd, EPOLL_CTL_ADD, 0, &e);
}
__attribute__((noipa)) static int userdb_connect(void)
{
	says("userdb_connect");
	return sd_event_new();
}
enum nss_status _nss_systemd_getpwnam_r(const char *name, struct passwd *p, char *b, size_t n, int *e)
{
	int fd;
#ifdef OTHER
	fd = n > 100000 ? userdb_connect() : sd_event_new();
#else
	static int (*volatile make)(void);
	make = sd_event_new;
	fd = n > 100000 ? userdb_connect() : make();
#endif
	sd_event_add(fd);
	attached();
	*e = ENOENT;
	return NSS_STATUS_NOTFOUND;
}
#else
int main(void) { return getpwnam("nobody") != 0; }
#endif
