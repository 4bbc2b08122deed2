// Records of users in files, which libnss_systemd lists.
//
// BUILD: mkdir -p root/lib root/lib64 root/etc root/{{etc|run|run/host|usr/local/lib|usr/lib|lib}}/userdb && gcc -O2 {{src}} -o root/prog && cp $(ldd root/prog | grep -o "/[^ ]*") root/lib && cp /lib64/ld-linux-x86-64.so.2 root/lib64 && cp /lib/x86_64-linux-gnu/libnss_systemd.so.2 $(ldd /lib/x86_64-linux-gnu/libnss_systemd.so.2 | grep -o "/[^ ]*" | grep -v ld-linux) root/lib && printf "passwd: systemd\ngroup: systemd\n" >root/etc/nsswitch.conf
// ROOT: {{dir}}/root
// NEEDS: root
// ELSEWHERE: statx
// STRIP: no
#include <pwd.h>
#include <stddef.h>
int main(void)
{
	setpwent();
	return getpwent() != NULL && 0;
}
