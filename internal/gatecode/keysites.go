package gatecode

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/gofind-dev/gofind/internal/relocate"
)

// A Site is an instruction outside of gates that changes PKRU: its own bytes are replaced by a jump to code that does the same and
// checks that it may (see Keys).
type Site struct {
	Name string             // of the function
	At   *relocate.Prologue // starts with the instruction
	Load bool               // it is an xrstor, and not a wrpkru

	// Move says that the instruction does no such thing, but that bytes within it, or of it and what follows, would, if control came there. It does what it
	// did elsewhere, where its bytes are others, and nothing is left of it at its place.
	Move bool
}

// Pages are pages of the image, and what becomes of their entries in the page table when keys are turned on: what they have, and And, or Or.
type Pages struct {
	Start, End uint64
	And, Or    uint64
	Optional   bool // some may not be there, or not be of users, whose keys count
}

// site writes the code that takes the place of a site. It goes on there, and nowhere else: who jumps into it comes to what the image
// does at this place. Registers are as the instruction leaves them; flags are not preserved, which compilers
// take for clobbered by an instruction that they do not know.
func (g *generator) site(s *Site) {
	if s.Move {
		code, err := s.At.Apart().AppendTo(g.code, g.pc())
		if err != nil {
			g.fail(fmt.Errorf("%s: %w", s.Name, err))
			return
		}
		g.code = code
		return
	}
	no, done := g.unique("sitebad"), g.unique("sitedone")
	if s.Load {
		g.op("ff35 @pass")      // push pass(%rip)
		g.op("c705 @pass $", 1) // movl $1, pass(%rip)
		g.changes = append(g.changes, g.pc()+uint64(bytes.Index(s.At.First(), []byte{0x0f, 0xae})))
		g.code = append(g.code, s.At.First()...)
		g.usePass()
		g.op("50 51 52 31c9 0f01ee") // push %rax, %rcx, %rdx; xor %ecx, %ecx; rdpkru
		g.known(done)
		g.jmp("badkey")
		g.label(done)
		g.op("5a 59 58") // pop %rdx, %rcx, %rax
		g.tail(s)
		return
	}
	handler, first := g.unique("sitehandler"), g.unique("sitefirst")
	g.op("833d @tagread 00") // cmpl $0, tag
	g.jcc(ccE, handler)
	for i, v := range g.in.Keys.PKRU {
		if g.in.First&(1<<i) != 0 {
			continue
		}
		next, pass := g.unique("next"), fmt.Sprintf("@sitepass%d", i)
		g.op("3d $", v) // cmp $value, %eax: of another compartment, after all keys were open
		g.jcc(ccNE, next)
		g.op("ff35 " + pass)         // push pass(%rip)
		g.op("c705 "+pass+" $", 1)   // movl $1, pass(%rip)
		g.op("0f01ef 3d $", v)       // wrpkru; cmp $value, %eax
		g.jcc(ccNE, no)              //
		g.op("833d " + pass + " 01") // cmpl $1, pass
		g.jcc(ccNE, no)              //
		g.op("8f05 " + pass)         // pop pass(%rip)
		g.jmp(done)
		g.label(next)
	}
	g.op("ff35 @pass")      // push pass(%rip)
	g.op("c705 @pass $", 1) // movl $1, pass(%rip)
	g.op("0f01ef")          // wrpkru
	g.op("85c0")            // test %eax, %eax
	g.jcc(ccE, first)
	for i, v := range g.in.Keys.PKRU {
		if g.in.First&(1<<i) != 0 {
			g.op("3d $", v) // cmp $value, %eax
			g.jcc(ccE, first)
		}
	}
	g.label(no)
	g.jmp("badkey")
	g.label(first)
	g.usePass()
	g.op("85c0") // test %eax, %eax
	g.jcc(ccE, done)
	g.op("833d @on 00") // cmpl $0, on
	g.jcc(ccNE, done)
	g.call("turn_on")
	g.jmp(done)
	g.label(handler)
	g.op("0f01ef")           // wrpkru
	g.op("833d @tagread 00") // cmpl $0, tag
	g.jcc(ccNE, no)
	g.known(done)
	g.jmp(no)
	g.label(done)
	g.tail(s)
}

// usePass goes on if the pass was there, and gives it back as it was: an interrupt may have come where another site had one.
func (g *generator) usePass() {
	g.op("833d @pass 01") // cmpl $1, pass
	g.jcc(ccNE, "badkey")
	g.op("8f05 @pass") // pop pass(%rip)
}

// known goes to label if %eax is the value of a compartment, or that of all keys.
func (g *generator) known(label string) {
	g.op("85c0") // test %eax, %eax
	g.jcc(ccE, label)
	for _, v := range g.in.Keys.PKRU {
		g.op("3d $", v) // cmp $value, %eax
		g.jcc(ccE, label)
	}
}

// tail writes what follows the instruction.
func (g *generator) tail(s *Site) {
	code, err := s.At.Tail().AppendTo(g.code, g.pc())
	if err != nil {
		g.fail(fmt.Errorf("%s: %w", s.Name, err))
		return
	}
	g.code = code
}

// turnOn writes what gives pages their keys, once, as the image first gives up rights. All memory of the first compartment can be written there.
// All registers but flags are preserved.
func (g *generator) turnOn() {
	k := g.in.Keys
	g.label("turn_on")
	g.op("9c fa")       // pushf; cli
	g.op("833d @on 00") // cmpl $0, on: a handler that came in between may have done it
	g.jcc(ccNE, "on_before")
	g.op("50 51 52 56 57 4150 4151 4152") // push %rax, %rcx, %rdx, %rsi, %rdi, %r8, %r9, %r10
	g.op("b9 $ 0f32", 0xc0000080)         // mov $IA32_EFER, %ecx; rdmsr
	g.op("49c7c2 $", ^uint32(0))          // mov $-1, %r10
	g.op("0fbae00b")                      // bt $11, %eax: NXE
	g.jcc(ccB, "on_nx")
	g.op("49d1ea") // shr %r10: without bit 63
	g.label("on_nx")
	// Code that has run for good.
	g.op("488d35 @on_wipes") // lea wipes(%rip), %rsi
	g.label("on_wipe")
	g.op("488b3e 4885ff") // mov (%rsi), %rdi; test %rdi, %rdi
	g.jcc(ccE, "on_table")
	g.op("66c707cccc c64702cc") // movw $0xcccc, (%rdi); movb $0xcc, 2(%rdi)
	g.op("4883c608")            // add $8, %rsi
	g.jmp("on_wipe")
	g.label("on_table")
	g.descriptors()
	g.op("c705 @onset $", 1) // movl $1, on(%rip): below, its key is closed
	g.op("488d35 @on_pages") // lea pages(%rip), %rsi
	g.label("on_range")
	g.op("488b3e 4885ff") // mov (%rsi), %rdi; test %rdi, %rdi
	g.jcc(ccE, "on_alias")
	g.label("on_page")
	g.call("on_entry")
	g.op("488b02 48234610 480b4618 4c21d0 488902") // mov (%rdx), %rax; and 16(%rsi), %rax; or 24(%rsi), %rax; and %r10, %rax; mov %rax, (%rdx)
	g.op("0f013f")                                 // invlpg (%rdi)
	g.op("4881c7 $", 4096)                         // add $4096, %rdi
	g.op("483b7e08")                               // cmp 8(%rsi), %rdi
	g.jcc(ccB, "on_page")
	g.op("4883c620") // add $32, %rsi
	g.jmp("on_range")
	g.label("on_alias") // maps the first page of the data, for all to read
	g.op("488d3d @tag") // lea tag(%rip), %rdi
	g.call("on_entry")
	g.op("4c8b02")                        // mov (%rdx), %r8
	g.op("488d3d @tagread")               // lea tagread(%rip), %rdi
	g.call("on_entry")                    //
	g.op("490fbaf001")                    // btr $1, %r8: not to be written
	g.op("49b9 $ $", 0, 15<<27)           // movabs $15<<59, %r9: with the key of all
	g.op("4d09c8 4c8902")                 // or %r9, %r8; mov %r8, (%rdx)
	g.op("0f013f")                        // invlpg (%rdi)
	g.op("415a 4159 4158 5f 5e 5a 59 58") // pop %r10, %r9, %r8, %rdi, %rsi, %rdx, %rcx, %rax
	g.label("on_before")
	g.op("9d c3") // popf; ret

	// on_entry: the address %rdx of the entry of the page table for %rdi, of which bit 0 says that there need be none. Clobbers %rax, %rcx, %r9.
	g.label("on_entry")
	g.op("0f20d8 b9 $", 39) // mov %cr3, %rax; mov $39, %ecx
	g.label("on_level")
	g.op("49b9 $ $ 4c21c8", 0xfffff000, 0xfffff) // movabs $0xffffffffff000, %r9; and %r9, %rax
	if k.Offset != 0 {
		g.op("480305 @offset") // add offset(%rip), %rax
	}
	g.op("4889fa 48d3ea 81e2 $", 0x1ff) // mov %rdi, %rdx; shr %cl, %rdx; and $511, %edx
	g.op("488d14d0 488b02")             // lea (%rax,%rdx,8), %rdx; mov (%rdx), %rax
	g.op("40f6c701")                    // test $1, %dil: optional
	g.jcc(ccE, "on_needed")             //
	g.op("a801")                        // test $1, %al: present
	g.jcc(ccE, "on_absent")             //
	g.jmp("on_there")                   //
	g.label("on_needed")                //
	g.op("4189c1 4183e105 4183f905")    // mov %eax, %r9d; and $5, %r9d; cmp $5, %r9d: present, and of users
	g.jcc(ccNE, "on_bad")
	g.label("on_there")
	g.op("83f90c") // cmp $12, %ecx
	g.jcc(ccE, "on_found")
	g.op("a880") // test $0x80, %al: a large page
	g.jcc(ccNE, "on_bad")
	g.op("83e909") // sub $9, %ecx
	g.jmp("on_level")
	g.label("on_absent") // what is changed is a word below the stack
	g.op("488d5424f0")   // lea -16(%rsp), %rdx
	g.label("on_found")
	g.op("c3")
	g.label("on_bad")
	g.op("488d35 @text_page") // lea text_page(%rip), %rsi
	g.jmp("panic")
}

// maxGDT is how large a table of segments can be that is moved, in bytes.
const maxGDT = 512

// descriptors moves the descriptors of interrupts, segments and the task, as they are now.
func (g *generator) descriptors() {
	g.op("4883ec10 fc")          // sub $16, %rsp; cld
	g.op("0f010c24")             // sidt (%rsp)
	g.op("0fb70c24 ffc1")        // movzwl (%rsp), %ecx; inc %ecx
	g.op("81f9 $", 4096)         // cmp $4096, %ecx
	g.jcc(ccA, "on_bad")         //
	g.op("488b742402")           // mov 2(%rsp), %rsi
	g.op("488d3d @idt")          // lea idt(%rip), %rdi
	g.op("48897c2402 f3a4")      // mov %rdi, 2(%rsp); rep movsb
	g.op("0f011c24")             // lidt (%rsp)
	g.op("0f010424")             // sgdt (%rsp)
	g.op("0fb70c24 ffc1")        // movzwl (%rsp), %ecx; inc %ecx
	g.op("81f9 $", maxGDT)       // cmp $512, %ecx
	g.jcc(ccA, "on_bad")         //
	g.op("488b742402")           // mov 2(%rsp), %rsi
	g.op("488d3d @gdt")          // lea gdt(%rip), %rdi
	g.op("48897c2402 89ca f3a4") // mov %rdi, 2(%rsp); mov %ecx, %edx; rep movsb
	g.op("0f011424")             // lgdt (%rsp)
	g.op("488d3d @gdt")          // lea gdt(%rip), %rdi
	g.op("c1ea03")               // shr $3, %edx
	g.label("on_segment")        // the processor would set the bit when it loads one
	g.op("f6470510")             // testb $0x10, 5(%rdi)
	g.jcc(ccE, "on_system")
	g.op("804f0501") // orb $1, 5(%rdi)
	g.label("on_system")
	g.op("4883c708 ffca") // add $8, %rdi; dec %edx
	g.jcc(ccNE, "on_segment")
	g.op("0f00c9 81e1 $", 0xfff8) // str %ecx; and $0xfff8, %ecx
	g.jcc(ccE, "on_no_task")
	g.op("488d3d @gdt")            // lea gdt(%rip), %rdi
	g.op("4801cf 4189c8")          // add %rcx, %rdi; mov %ecx, %r8d
	g.op("0fb77702")               // movzwl 2(%rdi), %esi: its base is in pieces
	g.op("0fb64704 c1e010 09c6")   // movzbl 4(%rdi), %eax; shl $16, %eax; or %eax, %esi
	g.op("0fb64707 c1e018 09c6")   // movzbl 7(%rdi), %eax; shl $24, %eax; or %eax, %esi
	g.op("8b4708 48c1e020 4809c6") // mov 8(%rdi), %eax; shl $32, %rax; or %rax, %rsi
	g.op("0fb70f ffc1")            // movzwl (%rdi), %ecx; inc %ecx
	g.op("81f9 $", 4096-maxGDT)    // cmp $3584, %ecx
	g.jcc(ccA, "on_bad")
	g.op("57")                // push %rdi
	g.op("488d3d @tss")       // lea tss(%rip), %rdi
	g.op("4889fa f3a4 5f")    // mov %rdi, %rdx; rep movsb; pop %rdi
	g.op("66895702 c1ea10")   // mov %dx, 2(%rdi); shr $16, %edx
	g.op("885704 887707")     // mov %dl, 4(%rdi); mov %dh, 7(%rdi)
	g.op("c7470800000000")    // movl $0, 8(%rdi)
	g.op("806705fd 410f00d8") // andb $~2, 5(%rdi): not busy; ltr %r8w
	g.label("on_no_task")
	g.op("4883c410") // add $16, %rsp
}

// tables writes what turnOn reads.
func (g *generator) tables() {
	g.align(8)
	g.label("on_wipes")
	for _, at := range append(append([]uint64{}, g.in.Keys.Wipe...), 0) {
		g.code = binary.LittleEndian.AppendUint64(g.code, at)
	}
	g.label("on_pages")
	for _, p := range append(append([]Pages{}, g.in.Keys.Pages...), Pages{}) {
		start := p.Start
		if p.Optional {
			start |= 1
		}
		for _, v := range []uint64{start, p.End, p.And, p.Or} {
			g.code = binary.LittleEndian.AppendUint64(g.code, v)
		}
	}
}

// setProt keeps memory that gets a key from being executed, and what is added as it is: arguments are an address and what is asked for.
func (g *generator) setProt() {
	have, ours := g.unique("prot"), g.unique("ours")
	g.op("488d05 @tag")          // lea tag(%rip), %rax
	g.op("4839c7")               // cmp %rax, %rdi
	g.jcc(ccB, ours)             //
	g.op("488d05 @on_end")       // lea on_end(%rip), %rax
	g.op("4839c7")               // cmp %rax, %rdi
	g.jcc(ccAE, ours)            //
	g.op("b8 $ c3", ^uint32(21)) // mov $-22, %eax; ret
	g.label(ours)
	g.op("f7c6 $", protKeys) // test $keys, %esi
	g.jcc(ccE, have)
	g.op("4883e6fb") // and $~4, %rsi
	g.label(have)
}

// Flags of what uk_page_set_prot is asked for (FlexOS, arch/x86/x86_64/include/uk/asm/page.h): 4 is to execute.
const protKeys = 0xf0
