#seal tar --allow-unresolved : sh gzip bzip2 xz zstd
#seal gzip
#seal bzip2
#seal xz
#seal zstd
#seal lz4
#seal cpio --exec deny
#seal unzip
mkdir tree
for i in $(seq 40); do seq "$i" 4000 >"tree/$i"; done
ln -s 1 tree/link
chmod 640 tree/3
for c in gzip bzip2 xz zstd; do
  tar -cf "t.$c" --use-compress-program="$c" tree
  mkdir "x.$c"
  tar -xf "t.$c" -C "x.$c" --use-compress-program="$c"
  diff -r tree "x.$c/tree" && echo "$c ok"
done
tar -czf t.tgz --owner=0 --sort=name --mtime=@0 --exclude=tree/4 tree && tar -tzf t.tgz | wc -l
seq 1 200000 >big
gzip -k9 big && gzip -t big.gz && gzip -dc big.gz | cmp - big
bzip2 -k big && bzip2 -tv big.bz2 2>/dev/null
xz -k -T2 big && xz -l --robot big.xz | wc -l
zstd -q -T2 -19 -k big && zstd -q -t big.zst
lz4 -q -k big big.lz4 && lz4 -q -d -c big.lz4 | cmp - big
(cd tree && find . | sort | cpio -o --quiet -H newc) >a.cpio
mkdir c && (cd c && cpio -id --quiet <../a.cpio) && diff -r tree c && echo cpio ok
/usr/bin/python3 -c 'import shutil; shutil.make_archive("z","zip","tree")'
unzip -q z.zip -d u && diff -r tree u && echo unzip ok
gzip -dc nothing 2>/dev/null || echo "exit $?"
