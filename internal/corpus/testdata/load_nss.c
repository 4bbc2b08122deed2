// The name service switch: getpwnam loads the service that nsswitch.conf names for passwd, and not
// the one for hosts, which only host lookups load.
//
// BUILD: mkdir -p root/etc root/lib root/lib64 && gcc -O2 -shared -fPIC -DUSERS {{src}} -Wl,-soname,libnss_users.so.2 -o root/lib/libnss_users.so.2 && gcc -O2 -shared -fPIC -DNAMES {{src}} -Wl,-soname,libnss_names.so.2 -o root/lib/libnss_names.so.2 && gcc -O2 {{src}} -o root/prog && cp $(ldd root/prog | grep -o '/[^ ]*') root/lib && cp /lib64/ld-linux-x86-64.so.2 root/lib64 && printf 'passwd: users\nhosts: names\n' >root/etc/nsswitch.conf
// ROOT: {{dir}}/root
// NEEDS: root
// WANT: keyctl request_key
// NOT: add_key quotactl
// IMAGE: libnss_users.so.2
// STRIP: no
// TRAP: 11
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stddef.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef USERS
__attribute__((constructor)) static void start(void) { MARK(SYS_keyctl); }
enum nss_status _nss_users_getpwnam_r(const char *name, struct passwd *p, char *b, size_t n, int *e)
{
	MARK(SYS_request_key);
	*e = ENOENT;
	return NSS_STATUS_NOTFOUND;
}
#elif defined NAMES
struct gaih_addrtuple;
__attribute__((constructor)) static void start(void) { MARK(SYS_add_key); }
enum nss_status _nss_names_gethostbyname4_r(const char *name, struct gaih_addrtuple **a, char *b, size_t n, int *e, int *h, int *t)
{
	MARK(SYS_quotactl);
	return NSS_STATUS_NOTFOUND;
}
#else
int main(void) { return getpwnam("nobody") != 0; }
#endif
