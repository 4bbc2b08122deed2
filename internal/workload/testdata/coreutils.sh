#seal cat
#seal ls
#seal sort --exec deny
#seal cut
#seal wc
#seal head
#seal tail
#seal tr
#seal uniq
#seal date
#seal stat
#seal cp
#seal mv
#seal rm
#seal mkdir
#seal ln
#seal touch
#seal chmod
#seal du
#seal seq
#seal sha256sum
#seal base64
#seal od
#seal paste
#seal join
#seal split --exec deny
#seal tee
#seal mktemp
#seal readlink
#seal dd
#seal shuf
#seal timeout : cat sleep
#seal env : sh
seq 1 2000 >numbers
sort -rn numbers | head -3
sort -S 64k --parallel=2 -R numbers | sort -n | sha256sum
shuf -i 1-100 | sort -n | tail -2
cut -c1-2 numbers | uniq -c | wc -l
tr 0-9 a-j <numbers | tail -n 1
date -u -d @1700000000 +%F
mkdir -p a/b/c
cp numbers a/b/c/
ln -s numbers link
ln numbers hard
readlink -f link >/dev/null
stat -c '%s %h' numbers
chmod 600 numbers
ls -l numbers | cut -c1-10
ls -R a
mv a z
touch -d @1700000000 z
stat -c %Y z
du -s --apparent-size -B1 numbers | cut -f1
base64 -w0 numbers | base64 -d | sha256sum
od -An -tx1 -N8 numbers
paste -d, <(seq 3) <(seq 4 6)
join <(seq 5) <(seq 3 8)
split -l 500 numbers part.
cat part.* | sha256sum
tee copy <numbers | wc -l
dd if=numbers of=out bs=512 count=3 conv=fsync 2>/dev/null
wc -c out
t=$(mktemp -d)
rm -rf z "$t"
timeout 5 cat numbers | head -1
timeout 0.2 sleep 5 || echo "exit $?"
env X=1 sh -c 'echo $X'
cat /nonexistent || echo "exit $?"
tail -f numbers >/dev/null &
kill $!; wait $! || echo "exit $?"
