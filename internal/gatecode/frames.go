package gatecode

import "encoding/binary"

// Frames returns call frame information that lets debuggers go past leave: an entry of
// .debug_frame for it, with the one that it refers to, which will lie at offset in that section (DWARF 5, sections 6.4 and 2.5).
//
// What returns to leave has a stack pointer 8 above the place of its return address,
// which is the key of the table's entry that has the real one.
func (o *Output) Frames(offset uint32) []byte {
	const (
		addr, deref, dup, pick, swap, minus, mul, plus, shr, and, eq, bra, skip, const1u = 0x03, 0x06, 0x12, 0x15, 0x16, 0x1c, 0x1e, 0x22, 0x25, 0x1a, 0x29, 0x28, 0x2f, 0x08
		lit0                                                                             = 0x30
	)
	expr := []byte{lit0 + 8, minus, dup, lit0 + 4, shr, const1u, bucketCount - 1, and, lit0 + 8, mul, addr}
	expr = binary.LittleEndian.AppendUint64(expr, o.buckets)
	expr = append(expr, plus)
	loop := len(expr)
	expr = append(expr,
		deref,                     // key, entry
		dup, lit0, eq, bra, 11, 0, // there is none
		dup, lit0+8, plus, deref, pick, 2, eq, bra, 3, 0, // it is the one
		skip)
	expr = binary.LittleEndian.AppendUint16(expr, uint16(loop-len(expr)-2))
	expr = append(expr, lit0+16, plus)

	entry := func(id uint32, body []byte) []byte {
		for (len(body)+4)%8 != 4 { // with the length, a multiple of 8
			body = append(body, 0) // DW_CFA_nop
		}
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(body)+4))
		return append(binary.LittleEndian.AppendUint32(b, id), body...)
	}
	// Version 1, no augmentation, factors 1 and -8, return address in column 16; the CFA is %rsp.
	out := entry(0xffffffff, []byte{1, 0, 1, 0x78, 16, 0x0c, 7, 0})
	// Debuggers look for the byte before a return address, so the padding before leave counts.
	body := binary.LittleEndian.AppendUint64(nil, o.leave-1)
	body = binary.LittleEndian.AppendUint64(body, o.leaveEnd-o.leave+1)
	body = append(body, 0x10, 16, byte(len(expr))) // DW_CFA_expression
	return append(out, entry(offset, append(body, expr...))...)
}
