#seal /usr/bin/x86_64-linux-gnu-gcc-12 --allow-unresolved : /usr/lib/gcc/x86_64-linux-gnu/12/cc1 /usr/lib/gcc/x86_64-linux-gnu/12/collect2 x86_64-linux-gnu-as x86_64-linux-gnu-ld.bfd
#seal /usr/bin/x86_64-linux-gnu-as --exec deny
#seal /usr/bin/x86_64-linux-gnu-ld.bfd --exec deny
#seal make --allow-unresolved : /usr/lib/gcc/x86_64-linux-gnu/12/cc1 /usr/lib/gcc/x86_64-linux-gnu/12/collect2 x86_64-linux-gnu-as x86_64-linux-gnu-ld.bfd x86_64-linux-gnu-gcc-12 sh
#seal /usr/bin/x86_64-linux-gnu-objdump --exec deny
#seal /usr/bin/x86_64-linux-gnu-strip --exec deny
#seal? node --allow-unresolved : sh
export GCC_EXEC_PREFIX=/usr/lib/gcc/
ln -s "$BIN/x86_64-linux-gnu-as" as; ln -s "$BIN/x86_64-linux-gnu-ld.bfd" ld
for i in 1 2 3; do echo "int f$i(int x) { return x * $i + __LINE__; }" >"f$i.c"; done
printf '#include <stdio.h>\nint f1(int), f2(int), f3(int);\nint main(void) { printf("%%d\\n", f1(1) + f2(2) + f3(3)); }\n' >main.c
printf 'CC = x86_64-linux-gnu-gcc-12 -B%s\nprog: main.o f1.o f2.o f3.o\n\t$(CC) -o $@ $^\n' "$WORK" >Makefile
make -s -j3 CFLAGS=-O2 && ./prog
x86_64-linux-gnu-objdump -d prog | grep -c '<f[123]>:'
x86_64-linux-gnu-strip prog && ./prog
x86_64-linux-gnu-gcc-12 -c nothing.c 2>/dev/null || echo "exit $?"
make -s none 2>/dev/null || echo "exit $?"
if test -x "$BIN/node"; then
  node -e 'const fs=require("fs"),cp=require("child_process"),http=require("http");fs.writeFileSync("x","y");console.log(fs.readFileSync("x","utf8"),cp.execSync("echo child").toString());const s=http.createServer((q,r)=>r.end("served")).listen(0,"127.0.0.1",()=>http.get({port:s.address().port,host:"127.0.0.1",agent:false},r=>r.on("data",d=>{console.log(""+d);s.close();new (require("worker_threads").Worker)("console.log(1)",{eval:true})})))'
fi
