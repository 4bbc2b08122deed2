package gofind_test

import (
	"encoding/binary"
	"os"
)

// hello writes a program that writes a line and exits, and returns its path.
func hello() (string, error) {
	return writeELF([]byte("" +
		"\x68hi\n\x00" + // push $"hi\n"
		"\x48\x89\xe6" + // mov %rsp,%rsi
		"\xb8\x01\x00\x00\x00" + // mov $1,%eax (write)
		"\xbf\x01\x00\x00\x00" + // mov $1,%edi
		"\xba\x03\x00\x00\x00" + // mov $3,%edx
		"\x0f\x05" + // syscall
		"\xb8\x3c\x00\x00\x00" + // mov $60,%eax (exit)
		"\x31\xff" + // xor %edi,%edi
		"\x0f\x05" + // syscall
		"\xf4")) // hlt
}

// guess writes a program that makes the call whose number it gets as its first
// argument's address, and returns its path.
func guess() (string, error) {
	return writeELF([]byte("\x8b\x04\x24" + // mov (%rsp),%eax
		"\x0f\x05" + // syscall
		"\xf4")) // hlt
}

// writeELF writes a static x86-64 program of one segment, which holds code, and
// returns its path.
func writeELF(code []byte) (string, error) {
	const base, headers = 0x400000, 64 + 56
	le := binary.LittleEndian
	b := []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	b = le.AppendUint16(b, 2)                         // e_type: ET_EXEC
	b = le.AppendUint16(b, 62)                        // e_machine: EM_X86_64
	b = le.AppendUint32(b, 1)                         // e_version
	b = le.AppendUint64(b, base+headers)              // e_entry
	b = le.AppendUint64(b, 64)                        // e_phoff
	b = le.AppendUint64(b, 0)                         // e_shoff
	b = le.AppendUint32(b, 0)                         // e_flags
	for _, v := range []uint16{64, 56, 1, 64, 0, 0} { // e_ehsize ... e_shstrndx
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, 1) // p_type: PT_LOAD
	b = le.AppendUint32(b, 5) // p_flags: PF_R|PF_X
	size := uint64(headers + len(code))
	for _, v := range []uint64{0, base, base, size, size, 0x1000} { // p_offset ... p_align
		b = le.AppendUint64(b, v)
	}
	f, err := os.CreateTemp("", "gofind-example-")
	if err != nil {
		return "", err
	}
	_, err = f.Write(append(b, code...))
	if err2 := f.Close(); err == nil {
		err = err2
	}
	return f.Name(), err
}
