// Package specimen builds a small unikernel with Unikraft's names and layout,
// which tests analyse, seal and boot: multiboot entry and boot page table, tables of
// constructors and initialisers, both entries of each system call with the body in
// them, a dispatcher that finds the number in %rax, cooperative threads, a timer, a C
// library, and three compartments, one of which holds the kernel and the application.
//
// Its files are those that a build of Unikraft leaves: lib*.o linked by ld -r, an
// image.dbg with symbols and DWARF, and the image, stripped, its boot information
// filled in, with 32-bit headers in front. Sources are in src; app.c says what the
// command line of the image can ask for.
package specimen

import (
	"bytes"
	"context"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gofind-dev/gofind/internal/bounded"
)

//go:embed src
var sources embed.FS

// A Library is a micro-library.
type Library struct {
	Name  string // as in lib<Name>.o
	Files []string
}

// Libraries are the micro-libraries of the image and their sources. The linker
// places them in this order.
var Libraries = []Library{
	{"kvmplat", []string{"boot.S", "ctx.S", "plat.c"}},
	{"ukboot", []string{"ukboot.c"}},
	{"ukschedcoop", []string{"sched.c"}},
	{"syscall_shim", []string{"shim.c"}},
	{"vfscore", []string{"vfscore.c"}},
	{"posix_process", []string{"process.c"}},
	{"posix_socket", []string{"socket.c"}},
	{"musl", []string{"musl.c", "setjmp.S"}},
	{"lwip", []string{"net.c"}},
	{"plugin", []string{"plugin.c"}},
	{"app", []string{"app.c"}},
}

// KraftYAML assigns the libraries to compartments.
const KraftYAML = `specification: '0.6'
name: image
targets: [{architecture: x86_64, platform: qemu}]
compartments:
  - {name: core, mechanism: {driver: fcalls}, default: true}
  - {name: net, mechanism: {driver: fcalls}}
  - {name: plugin, mechanism: {driver: fcalls}}
libraries:
  lwip: {compartment: net}
  plugin: {compartment: plugin}
`

// An Image is a built specimen.
type Image struct {
	Dir   string // has kraft.yaml
	Build string // has lib*.o and the two below
	Debug string // ELF64 with symbols
	Final string // what boots
	PKU   bool   // made by BuildPKU
}

// ErrNoCompiler says that gcc or ld is not there.
var ErrNoCompiler = errors.New("gcc and ld are needed")

var flags = strings.Fields("-O2 -g -std=gnu11 -ffreestanding -fno-builtin -fno-pic -fno-pie -mno-red-zone" +
	" -mgeneral-regs-only -fno-stack-protector -fcf-protection=none -Wall -Wextra -Wno-clobbered -Werror")

// Build makes the image in dir, an empty directory, with flags for the compiler beyond its own.
func Build(dir string, extra ...string) (*Image, error) {
	return build(dir, KraftYAML, "link.lds", Libraries, []embed.FS{sources}, nil, extra...)
}

// build makes an image of libraries, whose sources are in the file systems.
func build(dir, kraft, script string, libraries []Library, trees []embed.FS, linked *Linked, extra ...string) (*Image, error) {
	for _, tool := range []string{"gcc", "ld", "strip"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, ErrNoCompiler
		}
	}
	img := &Image{Dir: dir, Build: filepath.Join(dir, "build")}
	img.Final = filepath.Join(img.Build, "image_qemu-x86_64")
	img.Debug = img.Final + ".dbg"
	entry := "_multiboot_entry"
	if script == "pku.lds" {
		entry = "_libkvmplat_entry"
	}
	src := filepath.Join(img.Build, "src")
	if err := os.MkdirAll(src, 0o777); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "kraft.yaml"), []byte(kraft), 0o666); err != nil {
		return nil, err
	}
	for _, tree := range trees {
		err := fs.WalkDir(tree, ".", func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			data, err := tree.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(src, e.Name()), data, 0o666)
		})
		if err != nil {
			return nil, err
		}
	}
	if linked != nil {
		var err error
		if libraries, err = linked.add(src, libraries); err != nil {
			return nil, err
		}
	}
	link := []string{"-nostdlib", "-static", "-no-pie", "-m", "elf_x86_64", "--build-id=none", "--no-warn-rwx-segments",
		"-T", "src/" + script, "--entry=" + entry, "-o", img.Debug}
	for _, l := range libraries {
		whole := "lib" + l.Name + ".o"
		args := append([]string{"-r", "-o", whole}, linked.ld(l.Name)...)
		origin := filepath.Join("lib"+l.Name, "origin") // as for a library that the build fetches: debug information names it
		if err := os.MkdirAll(filepath.Join(img.Build, origin), 0o777); err != nil {
			return nil, err
		}
		for _, f := range l.Files {
			object := l.Name + "-" + f + ".o"
			source := filepath.Join(origin, f)
			if err := os.Rename(filepath.Join(src, f), filepath.Join(img.Build, source)); err != nil {
				return nil, err
			}
			compile := append(append(append([]string{"-Isrc"}, flags...), linked.compile(l.Name)...), extra...)
			if err := img.run("gcc", append(compile, "-c", filepath.Join(img.Build, source), "-o", object)...); err != nil {
				return nil, err
			}
			args = append(args, object)
		}
		if err := img.run("ld", args...); err != nil {
			return nil, err
		}
		if args := linked.objcopy(l.Name); args != nil {
			if err := img.run("objcopy", append(args, whole)...); err != nil {
				return nil, err
			}
		}
		link = append(link, whole)
	}
	link = append(link, linked.ld("")...)
	if err := img.run("ld", link...); err != nil {
		return nil, err
	}
	if entry == "_libkvmplat_entry" {
		return img, img.run("strip", "-s", "-o", img.Final, img.Debug)
	}
	stripped := filepath.Join(img.Build, "stripped")
	if err := img.run("strip", "-s", "-o", stripped, img.Debug); err != nil {
		return nil, err
	}
	elf64, err := os.ReadFile(stripped)
	if err != nil {
		return nil, err
	}
	if err := bootinfo(elf64); err != nil {
		return nil, err
	}
	return img, os.WriteFile(img.Final, prepend(elf64), 0o666)
}

func (img *Image) run(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), bounded.Limit)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = img.Build
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

var le = binary.LittleEndian

// bootinfo fills the section .uk_bootinfo: a header of 80 bytes and a record of 48
// for each loaded segment.
func bootinfo(f []byte) error {
	at := bytes.Index(f, []byte(".uk_bootinfo\x00"))
	shoff, shnum := le.Uint64(f[40:]), int(le.Uint16(f[60:]))
	strtab := f[shoff+64*uint64(le.Uint16(f[62:])):]
	name := at - int(le.Uint64(strtab[24:]))
	var out []byte
	for i := range shnum {
		if s := f[shoff+uint64(64*i):]; int(le.Uint32(s)) == name {
			out = f[le.Uint64(s[24:]):][:le.Uint64(s[32:])]
		}
	}
	if at < 0 || out == nil {
		return errors.New("there is no .uk_bootinfo")
	}
	clear(out)
	le.PutUint32(out, 0xb007b0b0)
	out[4] = 1
	le.PutUint32(out[72:], uint32(len(out)-80)/48)
	count := uint32(0)
	phoff := le.Uint64(f[32:])
	for i := range int(le.Uint16(f[56:])) {
		p := f[phoff+uint64(56*i):]
		size := (le.Uint64(p[40:]) + 4095) &^ 4095
		if le.Uint32(p) != 1 || size == 0 {
			continue
		}
		r := out[80+48*count:]
		le.PutUint64(r, le.Uint64(p[16:]))
		le.PutUint64(r[8:], le.Uint64(p[16:]))
		le.PutUint64(r[24:], size)
		le.PutUint64(r[32:], size>>12)
		le.PutUint16(r[40:], 4)
		flags := le.Uint32(p[4:])
		le.PutUint16(r[42:], uint16(flags>>2&1|flags&2|flags&1<<2))
		count++
	}
	le.PutUint32(out[76:], count)
	return nil
}

// prepend puts 32-bit headers and a multiboot header in front, as loaders of
// multiboot kernels want them, and 32-bit section headers behind.
func prepend(f []byte) []byte {
	phnum, shnum := int(le.Uint16(f[56:])), int(le.Uint16(f[60:]))
	front := uint32(64 + 32*phnum)
	w := le.AppendUint16([]byte("\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"), le.Uint16(f[16:]))
	w = le.AppendUint16(w, 3)
	w = append(append(w, f[20:24]...), f[24:28]...)
	w = le.AppendUint32(w, 64)
	w = le.AppendUint32(w, front+uint32(len(f)))
	w = append(w, f[48:52]...)
	for _, v := range []uint16{52, 32, uint16(phnum), 40, uint16(shnum), le.Uint16(f[62:])} {
		w = le.AppendUint16(w, v)
	}
	for _, v := range []uint32{0x1badb002, 3, 0xe4524ffb} {
		w = le.AppendUint32(w, v)
	}
	word := func(p []byte, at int) uint32 { return uint32(le.Uint64(p[at:])) }
	for i := range phnum {
		p := f[le.Uint64(f[32:])+uint64(56*i):]
		for _, v := range []uint32{le.Uint32(p), front + word(p, 8), word(p, 16), word(p, 24), word(p, 32), word(p, 40), le.Uint32(p[4:]), word(p, 48)} {
			w = le.AppendUint32(w, v)
		}
	}
	w = append(w, f...)
	for i := range shnum {
		s := f[le.Uint64(f[40:])+uint64(64*i):]
		for _, v := range []uint32{le.Uint32(s), le.Uint32(s[4:]), word(s, 8), word(s, 16), front + word(s, 24), word(s, 32), le.Uint32(s[40:]), le.Uint32(s[44:]), word(s, 48), word(s, 56)} {
			w = le.AppendUint32(w, v)
		}
	}
	return w
}
