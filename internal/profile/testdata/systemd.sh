#!/bin/sh
# Runs systemd as process 1 of namespaces of its own, with one unit: systemd.sh UNITDIR UNIT.
# The units are in UNITDIR; the manager ends with the unit. It gets a group of the hierarchy that
# systemd keeps, so that it sees no process of the machine.
set -eu
root=/sys/fs/cgroup
[ ! -d $root/systemd ] || root=$root/systemd
group=$root/gofind-$$
mkdir "$group"
trap 'rmdir "$group"/* "$group" 2>/dev/null || :' EXIT
sh -c '
	echo $$ >"$1/cgroup.procs"
	exec unshare --cgroup --pid --fork --mount --uts --ipc --mount-proc --kill-child sh -c "
		set -eu
		mount --make-rprivate /
		umount \"\$1\"
		case \"\$1\" in
		*/systemd) mount -t cgroup -o none,name=systemd systemd \"\$1\" ;;
		*) mount -t cgroup2 none \"\$1\" ;;
		esac
		mount -t tmpfs tmpfs /run
		mkdir -p /run/systemd
		cp -r \"\$2\" /run/systemd/system
		export container=lxc
		exec /lib/systemd/systemd --system --unit=\"\$3\" --show-status=false --log-target=console --crash-shell=no
	" sh "$2" "$3" "$4"
' sh "$group" "$root" "$1" "$2"
