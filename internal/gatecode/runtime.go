package gatecode

import (
	"fmt"
	"slices"
)

// generator writes the parts that hooks share, and what follows them.
type generator struct {
	*asm
	in      *Input
	crashes []crash
	labels  int // see unique
	strings []string
}

// crash is code that refuses a call for good.
type crash struct {
	label, call string
	denied      uint32 // 0: by PKRU
}

// table writes put and take. Both expect a key in %r10 and interrupts off, return an entry in
// %r8, and clobber %r9 and flags.
func (g *generator) table() {
	// put: the entry of the key, a new one if there is none.
	g.label("put")
	g.op("4d89d1")          // mov %r10, %r9
	g.op("49c1e904")        // shr $4, %r9
	g.op("450fb6c9")        // movzbl %r9b, %r9d
	g.op("52")              // push %rdx
	g.op("488d15 @buckets") // lea buckets(%rip), %rdx
	g.op("4e8d0cca")        // lea (%rdx,%r9,8), %r9
	g.op("4d8b01")          // mov (%r9), %r8
	g.label("put1")
	g.op("4d85c0") // test %r8, %r8
	g.jcc(ccE, "put2")
	g.op("4d395008") // cmp %r10, 8(%r8)
	g.jcc(ccE, "put5")
	g.op("4d8b00") // mov (%r8), %r8
	g.jmp("put1")
	g.label("put2")      // the first of the free ones
	g.op("4c8b05 @free") // mov free(%rip), %r8
	g.op("4d85c0")       // test %r8, %r8
	g.jcc(ccE, "put3")
	g.op("498b10")       // mov (%r8), %rdx
	g.op("488915 @free") // mov %rdx, free(%rip)
	g.jmp("put4")
	g.label("put3")       // or one that was never used
	g.op("4c8b05 @fresh") // mov fresh(%rip), %r8
	g.op("488d15 @end")   // lea end(%rip), %rdx
	g.op("4939d0")        // cmp %rdx, %r8
	g.jcc(ccAE, "full")
	g.op("498d5020")      // lea 32(%r8), %rdx
	g.op("488915 @fresh") // mov %rdx, fresh(%rip)
	g.label("put4")
	g.op("498b11")   // mov (%r9), %rdx
	g.op("498910")   // mov %rdx, (%r8)
	g.op("4d8901")   // mov %r8, (%r9)
	g.op("4d895008") // mov %r10, 8(%r8)
	g.label("put5")
	g.op("5a c3") // pop %rdx; ret

	// take: the entry of the key, which is free from now on, 0 if there is none. Its key becomes odd.
	g.label("take")
	g.op("4d89d1")          // mov %r10, %r9
	g.op("49c1e904")        // shr $4, %r9
	g.op("450fb6c9")        // movzbl %r9b, %r9d
	g.op("52")              // push %rdx
	g.op("488d15 @buckets") // lea buckets(%rip), %rdx
	g.op("4e8d0cca")        // lea (%rdx,%r9,8), %r9
	g.label("take1")
	g.op("4d8b01") // mov (%r9), %r8
	g.op("4d85c0") // test %r8, %r8
	g.jcc(ccE, "take3")
	g.op("4d395008") // cmp %r10, 8(%r8)
	g.jcc(ccE, "take2")
	g.op("4d89c1") // mov %r8, %r9
	g.jmp("take1")
	g.label("take2")
	g.op("498b10")       // mov (%r8), %rdx
	g.op("498911")       // mov %rdx, (%r9)
	g.op("488b15 @free") // mov free(%rip), %rdx
	g.op("498910")       // mov %rdx, (%r8)
	g.op("4c8905 @free") // mov %r8, free(%rip)
	g.op("4183480807")   // orl $7, 8(%r8)
	g.label("take3")
	g.op("5a c3") // pop %rdx; ret
}

// enter writes what gates call. On the stack are the address to go on at and the return address of the function.
func (g *generator) enter() {
	var bits []uint8
	for _, h := range g.in.Hooks {
		if h.Gate && !slices.Contains(bits, h.Bit) {
			bits = append(bits, h.Bit)
		}
	}
	for i := range uint64(4) {
		g.define(fmt.Sprintf("tagbyte%d", i), g.syms["tagread"]+i)
	}
	for _, b := range bits {
		g.label(fmt.Sprintf("enter_bit%d", b))
		g.op("4153")            // push %r11
		g.op("41bb $", 1<<b)    // mov $bit, %r11d
		g.op("440b1d @tagread") // or tag(%rip), %r11d
		g.jmp("enter")
	}
	g.label("enter_handler")
	g.op("4153")      // push %r11
	g.op("41bb $", 0) // mov $0, %r11d: on nobody's behalf
	g.label("enter")  // %r11d is the new tag
	g.op("9c fa")     // pushf; cli
	g.open()
	g.op("4152 4151 4150")                          // push %r10, %r9, %r8
	g.op(fmt.Sprintf("4c8d5424%02x", 48+g.frame())) // lea 48(%rsp), %r10
	g.op("4c8d0d @leave")                           // lea leave(%rip), %r9
	g.op("4d390a")                                  // cmp %r9, (%r10)
	g.jcc(ccE, "enter_set")                         // after a jump from a gated function
	g.call("put")
	g.op("4d8b0a")        // mov (%r10), %r9
	g.op("4d894810")      // mov %r9, 16(%r8)
	g.op("4c8b0d @state") // mov state(%rip), %r9
	g.op("4d894818")      // mov %r9, 24(%r8)
	g.op("4c8d0d @leave") // lea leave(%rip), %r9
	g.op("4d890a")        // mov %r9, (%r10)
	g.label("enter_set")
	g.op("44891d @tag")    // mov %r11d, tag(%rip)
	g.op("4158 4159 415a") // pop %r8, %r9, %r10
	g.close()
	g.op("9d 415b c3") // popf; pop %r11; ret
}

// leave writes where gated functions return to.
func (g *generator) leave() {
	g.code = append(g.code, 0xcc) // see Frames
	g.align(16)
	g.label("leave")
	g.op("488d6424f8") // lea -8(%rsp), %rsp: the return address, once more
	g.op("9c fa")      // pushf; cli
	g.open()
	g.op("4152 4151 4150")                          // push %r10, %r9, %r8
	g.op(fmt.Sprintf("4c8d5424%02x", 32+g.frame())) // lea 32(%rsp), %r10
	g.call("take")
	g.op("4d85c0") // test %r8, %r8
	g.jcc(ccE, "lost")
	g.op("4d8b4810")       // mov 16(%r8), %r9
	g.op("4d890a")         // mov %r9, (%r10)
	g.op("4d8b4818")       // mov 24(%r8), %r9
	g.op("4c890d @state")  // mov %r9, state(%rip)
	g.op("4158 4159 415a") // pop %r8, %r9, %r10
	g.close()
	g.op("9d c3") // popf; ret
	g.label("leave_end")
}

// contextSwitch runs the function within itself, and so comes back when the thread goes on.
func (g *generator) contextSwitch(i int) {
	if g.in.Keys != nil {
		g.keySwitch()
		return
	}
	body, known := fmt.Sprintf("switch%d", i), fmt.Sprintf("known%d", i)
	g.op("ff35 @state") // push state(%rip)
	g.op("9c fa")       // pushf; cli
	g.op("4c8d5601")    // lea 1(%rsi), %r10
	g.call("take")
	g.op("b8 $", g.in.First) // mov $first, %eax
	g.op("4d85c0")           // test %r8, %r8
	g.jcc(ccE, known)
	g.op("418b4018") // mov 24(%r8), %eax
	g.label(known)
	g.op("8905 @tag")     // mov %eax, tag(%rip)
	g.op("8b05 @lastgen") // mov lastgen(%rip), %eax
	g.op("ffc0")          // inc %eax
	g.op("8905 @lastgen") // mov %eax, lastgen(%rip)
	g.op("8905 @gen")     // mov %eax, gen(%rip)
	g.op("9d")            // popf
	g.call(body)
	g.op("8f05 @state") // pop state(%rip)
	g.op("c3")          // ret
	g.label(body)
}

// threadAdd remembers the tag for a context, under its address plus 1, which is no address of a return address.
func (g *generator) threadAdd(offset int32, pointer bool) {
	g.op("9c fa") // pushf; cli
	g.open()
	g.op("4152 4151 4150") // push %r10, %r9, %r8
	if pointer {
		g.op("4c8b96 $ 49ffc2", uint32(offset)) // mov offset(%rsi), %r10; inc %r10
	} else {
		g.op("4c8d96 $", uint32(offset)+1) // lea offset+1(%rsi), %r10
	}
	g.call("put")
	g.op("4c8b0d @state")  // mov state(%rip), %r9
	g.op("4d894818")       // mov %r9, 24(%r8)
	g.op("4158 4159 415a") // pop %r8, %r9, %r10
	g.close()
	g.op("9d") // popf
}

// longjmp removes what is remembered of this thread between here and the stack pointer at offset.
func (g *generator) longjmp(offset int32) {
	g.op("9c fa") // pushf; cli
	g.open()
	g.op("53 55 4154 4155 51 50")                   // push %rbx, %rbp, %r12, %r13, %rcx, %rax
	g.op("4152 4151 4150")                          // push %r10, %r9, %r8
	g.op("488b9f $", uint32(offset))                // mov offset(%rdi), %rbx
	g.op(fmt.Sprintf("488d6c24%02x", 80+g.frame())) // lea 80(%rsp), %rbp
	g.op("4c8d25 @entries")                         // lea entries(%rip), %r12
	g.op("4531ed")                                  // xor %r13d, %r13d: the outermost key
	g.label("jump1")
	g.op("4c3b25 @fresh") // cmp fresh(%rip), %r12
	g.jcc(ccAE, "jump4")
	g.op("4d8b542408") // mov 8(%r12), %r10
	g.op("41f6c207")   // test $7, %r10b: free, or of a thread that has not run
	g.jcc(ccNE, "jump3")
	g.op("8b05 @gen")  // mov gen(%rip), %eax
	g.op("413944241c") // cmp %eax, 28(%r12)
	g.jcc(ccNE, "jump3")
	g.op("4939ea") // cmp %rbp, %r10
	g.jcc(ccB, "jump3")
	g.op("4939da") // cmp %rbx, %r10
	g.jcc(ccAE, "jump3")
	g.op("4d39ea") // cmp %r13, %r10
	g.jcc(ccBE, "jump2")
	g.op("4d89d5")     // mov %r10, %r13
	g.op("498b4c2418") // mov 24(%r12), %rcx
	g.label("jump2")
	g.call("take")
	g.label("jump3")
	g.op("4983c420") // add $32, %r12
	g.jmp("jump1")
	g.label("jump4")
	g.op("4d85ed") // test %r13, %r13
	g.jcc(ccE, "jump5")
	g.op("48890d @state") // mov %rcx, state(%rip)
	g.label("jump5")
	g.op("4158 4159 415a")        // pop %r8, %r9, %r10
	g.op("58 59 415d 415c 5d 5b") // pop %rax, %rcx, %r13, %r12, %rbp, %rbx
	g.close()
	g.op("9d") // popf
	for _, l := range []string{"jump1", "jump2", "jump3", "jump4", "jump5"} {
		g.rename(l)
	}
}

// rename makes a label free to be used again, with what refers to it so far.
func (g *generator) rename(label string) {
	fresh := fmt.Sprintf("%s at %d", label, len(g.code))
	g.syms[fresh] = g.syms[label]
	delete(g.syms, label)
	for i := range g.fixups {
		if g.fixups[i].sym == label {
			g.fixups[i].sym = fresh
		}
	}
}

// refusals writes how calls fail.
func (g *generator) refusals() {
	errno := g.in.OnDeny.errno()
	g.label("refuse")
	g.op("48c7c0 $", -errno) // mov $-errno, %rax
	g.op("c3")
	g.label("refuse_errno")
	switch {
	case g.in.Errno.Function != 0:
		g.errnoKeys("refused_errno")
		g.op("51 52 56 57 4150 4151 4152 4153") // push %rcx, %rdx, %rsi, %rdi, %r8 to %r11
		g.op("4883ec08")                        // sub $8, %rsp
		g.call("errnofn")
		g.op("c700 $", errno)                   // movl $errno, (%rax)
		g.op("4883c408")                        // add $8, %rsp
		g.op("415b 415a 4159 4158 5f 5e 5a 59") // pop them
	case g.in.Errno.TLS:
		g.op("64c70425 $ $", uint32(g.in.Errno.Offset), errno) // movl $errno, %fs:offset
	case g.in.Errno.Address != 0:
		g.op("c705 @errno $", errno) // movl $errno, errno(%rip)
	}
	g.label("refused_errno")
	g.op("48c7c0ffffffff c3") // mov $-1, %rax; ret

	g.label("full")
	g.op("488d35 @text_full") // lea text_full(%rip), %rsi
	g.jmp("panic")
	g.label("lost")
	g.op("488d35 @text_lost") // lea text_lost(%rip), %rsi
	g.label("panic")          // prints %rsi and ends
	g.op("fa")                // cli
	g.allKeys()
	g.call("print")
	g.label("terminate_image")
	if g.in.Terminate != 0 {
		g.op("4883e4f0")           // and $-16, %rsp
		g.op("bf $", crashRequest) // mov $3, %edi
		g.call("terminate")
	}
	g.label("halt")
	g.op("fa f4") // cli; hlt
	g.jmp("halt")

	// crash: %rdi is the name of the call, %esi the mask.
	g.label("crash")
	g.op("fa") // cli
	g.allKeys()
	g.op("4989fc") // mov %rdi, %r12
	if !g.in.Alone {
		g.op("2335 @tag") // and tag(%rip), %esi
	}
	g.op("0fbcde")           // bsf %esi, %ebx
	g.op("488d35 @text_who") // lea text_who(%rip), %rsi
	g.call("print")
	g.op("488d35 @names") // lea names(%rip), %rsi
	g.label("name1")      // the name with this number
	g.op("85db")          // test %ebx, %ebx
	g.jcc(ccE, "name3")
	g.label("name2")
	g.op("ac 84c0") // lodsb; test %al, %al
	g.jcc(ccNE, "name2")
	g.op("ffcb") // dec %ebx
	g.jmp("name1")
	g.label("name3")
	g.call("print")
	g.op("488d35 @text_what") // lea text_what(%rip), %rsi
	g.call("print")
	g.op("4c89e6") // mov %r12, %rsi
	g.call("print")
	g.op("488d35 @text_end") // lea text_end(%rip), %rsi
	g.call("print")
	g.jmp("terminate_image")

	if g.in.Keys != nil {
		g.label("badkey")
		g.op("488d35 @text_key") // lea text_key(%rip), %rsi
		g.jmp("panic")
		g.label("keycrash")
		g.allKeys()
		g.op("4989fc")                // mov %rdi, %r12
		g.op("488d35 @text_executes") // lea text_executes(%rip), %rsi
		g.call("print")
		g.op("4c89e6") // mov %r12, %rsi
		g.call("print")
		g.op("488d35 @text_end") // lea text_end(%rip), %rsi
		g.call("print")
		g.jmp("terminate_image")
	}

	// print: the text at %rsi, on the first serial port.
	g.label("print")
	g.op("66bafd03") // mov $0x3fd, %dx: its line status
	g.op("ec a820")  // in %dx, %al; test $0x20, %al
	g.jcc(ccE, "print")
	g.op("ac 84c0") // lodsb; test %al, %al
	g.jcc(ccE, "print1")
	g.op("66baf803") // mov $0x3f8, %dx
	g.op("ee")       // out %al, %dx
	g.jmp("print")
	g.label("print1")
	g.op("c3")
}

// texts writes the crashes and the texts of all.
func (g *generator) texts() {
	for i, c := range g.crashes {
		g.label(c.label)
		g.op(fmt.Sprintf("488d3d @call%d", i)) // lea call(%rip), %rdi
		if c.denied == 0 {
			g.jmp("keycrash")
			continue
		}
		g.op("be $", c.denied) // mov $denied, %esi
		g.jmp("crash")
	}
	text := func(label, s string) {
		g.label(label)
		g.code = append(append(g.code, s...), 0)
	}
	for i, c := range g.crashes {
		text(fmt.Sprintf("call%d", i), cleanText(c.call))
	}
	text("text_who", "\r\ngofind: compartment ")
	if g.in.Keys != nil {
		text("text_page", "\r\ngofind: memory that must have a key is not mapped by pages of 4 KiB of users\r\n")
		text("text_key", "\r\ngofind: PKRU has a value that no compartment has\r\n")
		text("text_executes", "\r\ngofind: who has this PKRU must not call ")
	}
	text("text_what", " must not call ")
	if g.in.Alone {
		text("text_asked", "\r\ngofind: another image asked for a function that it may not call\r\n")
	}
	text("text_end", "\r\n")
	text("text_full", "\r\ngofind: too many gates are open at once\r\n")
	text("text_lost", "\r\ngofind: a return that no gate knows\r\n")
	g.label("names")
	for _, n := range g.in.Names {
		g.code = append(append(g.code, cleanText(n)...), 0)
	}
}
