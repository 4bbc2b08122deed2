#seal grep
#seal sed --exec deny
#seal gawk : sh
#seal diff
#seal patch --exec deny
#seal find : wc
#seal xargs : echo
#seal bc
#seal ed --exec deny
#seal jq
#seal rg --exec deny
#seal file --exec deny
#seal perl --allow-unresolved : sh
#seal m4 : sh
seq 1 300 | sed 's/$/ line/' >a
sed 's/7/seven/' a >b
diff a b >d || echo "exit $?"
wc -l <d
patch -s a d && cmp a b && echo same
grep -c seven a
grep -r --include=b seven . | wc -l
gawk 'BEGIN{while(("echo 1 2" | getline l)>0) print l} {s+=$1} END{print s}' a
gawk 'BEGIN{srand(1); print length(strftime("%Y")); system("echo sys")}'
find . -name a -exec wc -l {} + -o -name d -print
find . -newer a -type f | sort | xargs -n1 -P2 echo | wc -l
echo '2^100; scale=20; 1/7' | bc
printf 'a\nhello\n.\nw e\nq\n' | ed -s
cat e
echo '{"a":[1,2,{"b":null}]}' | jq -c '.a[2], (.a|length), now>0'
rg -c line a
rg --files -j2 | wc -l
file -b a
perl -e 'my @l=sort map{$_*7%13}1..12; print "@l\n"; print `echo child`; my $p=fork(); if(!$p){exit 3} waitpid($p,0); print $?>>8,"\n"'
perl -MSocket -e 'socketpair(A,B,AF_UNIX,SOCK_STREAM,0); syswrite A,"x"; sysread B,my $c,1; print "$c\n"; print join(".",unpack("C4",inet_aton("localhost"))),"\n"'
echo 'define(`x'"'"',`y$1'"'"')x(2) esyscmd(echo m4)' | m4
