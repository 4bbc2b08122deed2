package unikraft

import (
	"fmt"
	"strings"

	"github.com/gofind-dev/gofind/internal/gatecode"
	"github.com/gofind-dev/gofind/internal/rules"
)

// sourceText writes gofind_rules.S.
type sourceText struct {
	s     *sealing
	first uint32
	names []string
	errno int
	wrap  []SourceWrap

	hooks, patches, texts strings.Builder
	crashes, count        int
}

// hook writes the hook of one function and returns its label. One that starts with room for a call is
// called from there: the address to go on at is on the stack, below the return address. One that does not is wrapped.
func (w *sourceText) hook(h *gatecode.Hook) string {
	addr := h.Prologue.Addr
	symbol := w.s.symbolOf(addr, h.Name)
	hooked := w.s.hasRoom(addr)
	label := "gofind_hook_" + strings.TrimPrefix(symbol, "gofind.")
	b := &w.hooks
	fmt.Fprintf(b, "\n.p2align 4\n")
	goOn := "ret"
	if hooked {
		fmt.Fprintf(b, ".type %s, @function\n%s:\n", label, label)
		fmt.Fprintf(&w.patches, "\t.quad %s, %s, %s\n", symbol, label, w.text(h.Name))
	} else {
		for _, name := range w.s.link.globals[addr] {
			w.wrap = append(w.wrap, SourceWrap{name, w.s.link.library(addr)})
			fmt.Fprintf(b, ".globl __wrap_%s\n.type __wrap_%s, @function\n__wrap_%s:\n", name, name, name)
		}
		fmt.Fprintf(b, ".type %s, @function\n%s:\n", label, label)
		goOn = "jmp __real_" + symbol
	}
	refusal := ""
	if h.Check {
		refusal = w.refusal(h, hooked)
		fmt.Fprintf(b, "\ttestl $%#x, gofind_state(%%rip)\n\tjne %s\n", h.Denied, refusal)
	}
	switch h.Special {
	case gatecode.Switch:
		// It runs within this, and so comes back when the thread goes on.
		fmt.Fprintf(b, "\tpushq gofind_state(%%rip)\n\tpushfq\n\tcli\n\tpushq %%rdi\n\tpushq %%rsi\n\tmovq %%rsi, %%rdi\n\tcall gofind_switch\n"+
			"\tpopq %%rsi\n\tpopq %%rdi\n\tpopfq\n\tcall __real_%s\n\tpopq gofind_state(%%rip)\n", symbol)
		goOn = "ret"
	case gatecode.ThreadAdd:
		fmt.Fprintf(b, "\tpushq $%d\n\tcall gofind_thread\n\tleaq 8(%%rsp), %%rsp\n", h.Offset)
	case gatecode.LongJump:
		fmt.Fprintf(b, "\tpushq $%d\n\tcall gofind_longjmp\n\tleaq 8(%%rsp), %%rsp\n", h.Offset)
	}
	mask := uint32(0)
	handler := h.Special == gatecode.Handler // on nobody's behalf, not on that of its compartment either
	if h.Gate && !handler {
		mask = 1 << h.Bit
		fmt.Fprintf(b, "\ttestb $%#x, gofind_state+%d(%%rip)\n\tjne 1f\n", 1<<(h.Bit%8), h.Bit/8)
	}
	if h.Gate || handler {
		if !hooked {
			fmt.Fprintf(b, "\tpushq $__real_%s\n", symbol)
		}
		fmt.Fprintf(b, "\tpushq $%d\n\tjmp gofind_enter\n", int32(mask))
	}
	if !handler {
		fmt.Fprintf(b, "1:\t%s\n", goOn)
	}
	if strings.HasPrefix(refusal, "gofind_crash") {
		fmt.Fprintf(b, "%s:\n\tleaq %s(%%rip), %%rdi\n\tmovl $%#x, %%esi\n\tjmp gofind_crash\n", refusal, w.text(h.Call), h.Denied)
	}
	fmt.Fprintf(b, ".size %s, . - %s\n", label, label)
	return label
}

// refusal returns where a call goes that is refused.
func (w *sourceText) refusal(h *gatecode.Hook, hooked bool) string {
	if h.NoReturn || w.s.opts.OnDeny == gatecode.Crash {
		w.crashes++
		return fmt.Sprintf("gofind_crash%d", w.crashes)
	}
	label := "gofind_refuse"
	if h.Errno {
		label += "_errno"
	}
	if hooked {
		label += "_hooked"
	}
	return label
}

// text returns the label of a text.
func (w *sourceText) text(t string) string {
	w.count++
	label := fmt.Sprintf(".Ltext%d", w.count)
	t = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, t)
	fmt.Fprintf(&w.texts, "%s:\t.asciz \"%s\"\n", label, t)
	return label
}

// finish returns the file. of has what addresses of the rules are of, "" for none.
func (w *sourceText) finish(r *rules.Rules, of map[rules.Part][]string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "/* Written by gofind kraft rules. */\n\n.text\n.globl gofind_hooks\ngofind_hooks:\n%s\n.globl gofind_hooks_end\ngofind_hooks_end:\n", w.hooks.String())
	var names strings.Builder
	for _, n := range w.names {
		fmt.Fprintf(&names, "\t.quad %s\n", w.text(n))
	}
	fmt.Fprintf(&b, "\n.section .rodata\n.p2align 3\n.globl gofind_patches, gofind_patches_end\ngofind_patches: /* function, hook, name */\n%sgofind_patches_end:\n", w.patches.String())
	fmt.Fprintf(&b, ".globl gofind_names\ngofind_names:\n%s.globl gofind_first\ngofind_first: .long %#x\n.globl gofind_errno\ngofind_errno: .long %d\n%s", names.String(), w.first, w.errno, w.texts.String())
	fmt.Fprintf(&b, "\n.data\n.p2align 3\n.globl gofind_state, gofind_tag\n.type gofind_state, @object\n.size gofind_state, 8\n.type gofind_tag, @object\n.size gofind_tag, 4\ngofind_state:\ngofind_tag:\n\t.long %#x, 0\n", w.first)
	fmt.Fprintf(&b, "\n.bss\n.p2align 4\n.globl gofind_table, gofind_table_end\ngofind_table:\n\t.skip %d * 32\ngofind_table_end:\n", gatecode.DefaultEntries)
	fmt.Fprintf(&b, "\n.section .gofind_rules, \"a\", @progbits\n.balign %d\n.globl gofind_rules\ngofind_rules:\n", rules.Align)
	data := rules.Encode(r)
	at := 0
	raw := func(to int) {
		for at < to {
			n := min(to-at, 16)
			b.WriteString("\t.byte ")
			for i, c := range data[at : at+n] {
				if i > 0 {
					b.WriteByte(',')
				}
				fmt.Fprintf(&b, "%#x", c)
			}
			b.WriteByte('\n')
			at += n
		}
	}
	for _, a := range rules.Addresses(r) {
		raw(a.Offset)
		symbol := of[a.Of][a.Index]
		if symbol == "" {
			symbol = "0"
		}
		fmt.Fprintf(&b, "\t.quad %s\n", symbol)
		at += 8
	}
	raw(len(data))
	b.WriteString("\n.section .note.GNU-stack, \"\", @progbits\n")
	return []byte(b.String())
}
