// Users that libnss_systemd looks up where no service answers and no records are.
//
// BUILD: mkdir -p root/etc root/lib root/lib64 && gcc -O2 {{src}} -o root/prog && cp $(ldd root/prog | grep -o "/[^ ]*") root/lib && cp /lib64/ld-linux-x86-64.so.2 root/lib64 && cp /lib/x86_64-linux-gnu/libnss_systemd.so.2 $(ldd /lib/x86_64-linux-gnu/libnss_systemd.so.2 | grep -o "/[^ ]*" | grep -v ld-linux) root/lib && printf "passwd: systemd\ngroup: systemd\n" >root/etc/nsswitch.conf
// ROOT: {{dir}}/root
// NEEDS: root
// WANT: socket connect
// NOT: epoll_create1 epoll_wait timerfd_create statx sendmsg
// STRIP: no
#include <pwd.h>
#include <stddef.h>
int main(void)
{
	setpwent();
	getpwent();
	return getpwnam("somebody") != 0;
}
