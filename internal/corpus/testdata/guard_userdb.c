// Users that libnss_systemd asks services for: where systemd runs, where a service has a socket, where systemd may come to run
// when the system in the directory is started.
//
// BUILD: mkdir -p root/etc root/lib root/lib64 root/{{run/systemd/system|run/systemd/userdb|usr/lib/systemd/systemd}} && gcc -O2 {{src}} -o root/prog && cp $(ldd root/prog | grep -o "/[^ ]*") root/lib && cp /lib64/ld-linux-x86-64.so.2 root/lib64 && cp /lib/x86_64-linux-gnu/libnss_systemd.so.2 $(ldd /lib/x86_64-linux-gnu/libnss_systemd.so.2 | grep -o "/[^ ]*" | grep -v ld-linux) root/lib && printf "passwd: systemd\ngroup: systemd\n" >root/etc/nsswitch.conf
// ROOT: {{dir}}/root
// NEEDS: root
// ELSEWHERE: epoll_create1 epoll_wait timerfd_create
// STRIP: no
#include <pwd.h>
int main(void) { return getpwnam("somebody") != 0; }
