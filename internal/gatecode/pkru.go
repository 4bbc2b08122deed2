package gatecode

import "fmt"

// Keys are how an image with memory keys (Intel SDM volume 3, 4.6.2) tells compartments apart.
//
// The compartment that the processor is in is the value of PKRU. A hook denies a call unless PKRU has the
// value of a compartment that executes it: any other value is denied, also where the set of keys that are
// open is a smaller one. Before CR4.PKE is set, rdpkru does not exist, and what runs is the compartment in which the image starts.
//
// PKRU says whose code called the entry, and not on whose behalf, since a gate into the C library changes it. That is
// the tag, as without keys; both must allow a call. The tag and the table are on
// pages with a key of their own, which no compartment has open. Code that changes them opens it, with interrupts off,
// and closes it. What reads the tag reads it through a second mapping of its
// page, which all may read and none may write.
//
// After each wrpkru the value is compared with what it may be there, so that a jump to one with another ends the image (ERIM,
// Vahldiek-Oberwagner et al., USENIX Security 2019, section 3.3). That is not enough: who jumps there with the value of another compartment would have its
// rights where its own stack says. So before, a pass is written, to a word with the key of the compartment whose value it is, and
// looked for behind. A compartment can write its own alone.
//
// What the image has of such instructions itself is replaced by the same (Site), where handlers of interrupts, which may interrupt anyone, are known by
// their empty tag instead of a pass.
//
// FlexOS makes its page tables as it starts, and runs with all keys open until a thread first gives up rights, in one of the sites. Then keys are turned on:
// pages that were added get theirs, the descriptors of the processor are moved to where nobody can write them, and code that changes control registers, which ran
// once, is overwritten. Until then, a PKRU of 0 is that of the compartment in which the image starts; from then on it is nobody's.
type Keys struct {
	PKRU  []uint32 // values, by compartment; Key is closed in all
	Key   uint8    // of the data
	Alias uint64   // address of the second mapping of the first page of the data
	End   uint64   // address behind all that is added
	Pass  uint64   // address of a page for each compartment, with its key

	// Descriptors is the address of two pages, into which descriptors of interrupts, segments and the task go as keys are turned on: the processor reads them with
	// the rights of what it interrupts, so that FlexOS has them where all may write them.
	Descriptors uint64

	// What else happens then.
	Offset uint64   // address of a variable: page tables are mapped so much above where they lie; 0 if they are mapped there
	Wipe   []uint64 // instructions of three bytes that nothing executes any more
	Pages  []Pages
}

const (
	pkeBit    = 22 // of CR4
	openFrame = 32 // bytes of stack between open and close
)

// mask has the bits of PKRU that close the key.
func (k *Keys) mask() uint32 { return 3 << (2 * k.Key) }

// frame is how much deeper the stack is between open and close.
func (g *generator) frame() byte {
	if g.in.Keys != nil {
		return openFrame
	}
	return 0
}

// unique makes a label.
func (g *generator) unique(name string) string {
	g.labels++
	return fmt.Sprintf("%s_%d", name, g.labels)
}

// open opens the key of the data, if it is closed. Interrupts are off; all registers but flags are preserved.
func (g *generator) open() {
	k := g.in.Keys
	if k == nil {
		return
	}
	have, done := g.unique("have"), g.unique("opened")
	g.op("50 51 52")                        // push %rax, %rcx, %rdx
	g.op("0f20e0")                          // mov %cr4, %rax
	g.op(fmt.Sprintf("0fbae0%02x", pkeBit)) // bt $22, %eax
	g.op("b8 $", 0)                         // mov $0, %eax: as if it were open
	g.jcc(ccAE, have)
	g.op("31c9 0f01ee") // xor %ecx, %ecx; rdpkru
	g.label(have)
	g.op("50")             // push %rax
	g.op("a9 $", k.mask()) // test $mask, %eax
	g.jcc(ccE, done)
	for i, v := range k.PKRU {
		next := g.unique("next")
		g.op("3d $", v) // cmp $value, %eax
		g.jcc(ccNE, next)
		g.op("b8 $", v&^k.mask()) // mov $(value & ~mask), %eax
		g.change(i, v&^k.mask())
		g.jmp(done)
		g.label(next)
	}
	g.jmp("badkey")
	g.label(done)
	g.op("488b542408 488b4c2410 488b442418") // mov 8(%rsp), %rdx; 16(%rsp), %rcx; 24(%rsp), %rax
}

// change sets PKRU to %eax, which is value, of compartment i or that with the key of the data. Who jumps to the wrpkru with another value, or from another
// compartment, which cannot have written the pass, ends the image. Interrupts are off.
func (g *generator) change(i int, value uint32) {
	pass := fmt.Sprintf("@pass%d", i)
	g.op("c705 "+pass+" $", 1)   // movl $1, pass(%rip)
	g.op("31c9 31d2 0f01ef")     // xor %ecx, %ecx; xor %edx, %edx; wrpkru
	g.op("3d $", value)          // cmp $value, %eax
	g.jcc(ccNE, "badkey")        //
	g.op("833d " + pass + " 01") // cmpl $1, pass
	g.jcc(ccNE, "badkey")        //
	g.op("c705 "+pass+" $", 0)   // movl $0, pass(%rip)
}

// close undoes open.
func (g *generator) close() {
	k := g.in.Keys
	if k == nil {
		return
	}
	done := g.unique("closed")
	g.op("4889542408 48894c2410 4889442418") // mov %rdx, 8(%rsp); %rcx, 16(%rsp); %rax, 24(%rsp)
	g.op("58")                               // pop %rax
	g.op("a9 $", k.mask())                   // test $mask, %eax
	g.jcc(ccE, done)
	for i, v := range k.PKRU {
		next := g.unique("next")
		g.op("3d $", v) // cmp $value, %eax
		g.jcc(ccNE, next)
		g.change(i, v)
		g.jmp(done)
		g.label(next)
	}
	g.jmp("badkey")
	g.label(done)
	g.op("5a 59 58") // pop %rdx, %rcx, %rax
}

// executes goes on if PKRU is that of a compartment that executes the call. All registers but flags are preserved.
func (g *generator) executes(h *Hook, i int) {
	k := g.in.Keys
	no, off, yes := g.unique("no"), g.unique("off"), g.unique("yes")
	g.op("50 51 52")                        // push %rax, %rcx, %rdx
	g.op("0f20e0")                          // mov %cr4, %rax
	g.op(fmt.Sprintf("0fbae0%02x", pkeBit)) // bt $22, %eax
	g.jcc(ccAE, off)
	g.op("31c9 0f01ee") // xor %ecx, %ecx; rdpkru
	for c, v := range k.PKRU {
		if h.Executes&(1<<c) != 0 {
			g.op("3d $", v) // cmp $value, %eax
			g.jcc(ccE, yes)
		}
	}
	if h.Executes&g.in.First != 0 { // all keys are open, and not yet turned on
		g.op("85c0") // test %eax, %eax
		g.jcc(ccNE, no)
		g.op("833d @on 00") // cmpl $0, on
		g.jcc(ccE, yes)
	}
	g.label(no)
	g.op("5a 59 58") // pop %rdx, %rcx, %rax
	g.jmp(g.refusal(h, i, true))
	g.label(off)
	if h.Executes&g.in.First == 0 {
		g.jmp(no)
	}
	g.label(yes)
	g.op("5a 59 58") // pop %rdx, %rcx, %rax
}

// keySwitch is contextSwitch where stacks can be written by others: what the thread that gives way has for a tag is kept in the table, under the address
// of its context plus 2. A thread that was made since is known under its plus 1, which comes first.
func (g *generator) keySwitch() {
	made, known, set := g.unique("made"), g.unique("known"), g.unique("set")
	g.op("9c fa") // pushf; cli
	g.open()
	g.op("4153")     // push %r11
	g.op("4c8d5601") // lea 1(%rsi), %r10
	g.call("take")
	g.op("b8 $", g.in.First) // mov $first, %eax
	g.op("4d85c0")           // test %r8, %r8
	g.jcc(ccNE, made)
	g.op("4c8d5602") // lea 2(%rsi), %r10
	g.call("take")
	g.op("4d85c0") // test %r8, %r8
	g.jcc(ccE, known)
	g.op("4d8b5818") // mov 24(%r8), %r11
	g.jmp(set)
	g.label(made)
	g.op("418b4018") // mov 24(%r8), %eax
	g.label(known)
	g.op("448b1d @lastgen") // mov lastgen(%rip), %r11d
	g.op("41ffc3")          // inc %r11d
	g.op("44891d @lastgen") // mov %r11d, lastgen(%rip)
	g.op("49c1e320")        // shl $32, %r11
	g.op("4909c3")          // or %rax, %r11
	g.label(set)
	g.op("4c8d5702") // lea 2(%rdi), %r10
	g.call("put")
	g.op("4c8b0d @state") // mov state(%rip), %r9
	g.op("4d894818")      // mov %r9, 24(%r8)
	g.op("4c891d @state") // mov %r11, state(%rip)
	g.op("415b")          // pop %r11
	g.close()
	g.op("9d") // popf
}

// errnoKeys goes to label unless PKRU is that of the first compartment, or opens all: the function that knows where errno is may use that one's memory.
func (g *generator) errnoKeys(label string) {
	if g.in.Keys == nil {
		return
	}
	yes, no := g.unique("yes"), g.unique("no")
	g.op("50 51 52")                        // push %rax, %rcx, %rdx
	g.op("0f20e0")                          // mov %cr4, %rax
	g.op(fmt.Sprintf("0fbae0%02x", pkeBit)) // bt $22, %eax
	g.jcc(ccAE, yes)
	g.op("31c9 0f01ee 85c0") // xor %ecx, %ecx; rdpkru; test %eax, %eax
	g.jcc(ccE, yes)
	for i, v := range g.in.Keys.PKRU {
		if g.in.First&(1<<i) != 0 {
			g.op("3d $", v) // cmp $value, %eax
			g.jcc(ccE, yes)
		}
	}
	g.label(no)
	g.op("5a 59 58") // pop %rdx, %rcx, %rax
	g.jmp(label)
	g.label(yes)
	g.op("5a 59 58")
}

// allKeys opens all keys, in code that ends the image.
func (g *generator) allKeys() {
	if g.in.Keys == nil {
		return
	}
	off := g.unique("off")
	g.op("fa 0f20e0")                       // cli; mov %cr4, %rax
	g.op(fmt.Sprintf("0fbae0%02x", pkeBit)) // bt $22, %eax
	g.jcc(ccAE, off)
	g.op("31c9 31d2 31c0 0f01ef") // xor %ecx, %ecx; xor %edx, %edx; xor %eax, %eax; wrpkru
	g.label(off)
}
