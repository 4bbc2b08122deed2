package gates

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
// and closes it; after each wrpkru the value is compared with those that it may have there, so that a jump to one with another ends the image (ERIM,
// Vahldiek-Oberwagner et al., USENIX Security 2019, section 3.3). What reads the tag reads it through a second mapping of its
// page, which all may read and none may write.
type Keys struct {
	PKRU  []uint32 // values, by compartment; Key is closed in all
	Key   uint8    // of the data
	Alias uint64   // address of the second mapping of the first page of the data
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
	have, done, ok := g.unique("have"), g.unique("opened"), g.unique("ok")
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
	g.op("25 $", ^k.mask()) // and $~mask, %eax
	g.op("0f01ef")          // wrpkru
	for _, v := range k.PKRU {
		g.op("3d $", v&^k.mask()) // cmp $value, %eax
		g.jcc(ccE, ok)
	}
	g.jmp("badkey")
	g.label(ok)
	g.label(done)
	g.op("488b542408 488b4c2410 488b442418") // mov 8(%rsp), %rdx; 16(%rsp), %rcx; 24(%rsp), %rax
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
	g.op("31c9 31d2 0f01ef") // xor %ecx, %ecx; xor %edx, %edx; wrpkru
	for _, v := range k.PKRU {
		g.op("3d $", v) // cmp $value, %eax
		g.jcc(ccE, done)
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
