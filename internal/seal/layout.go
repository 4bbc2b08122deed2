package seal

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
)

// The segment of a sealed program: this header and the stub's code; then data, that is texts of the stub, the
// filter (struct sock_filter, 8 bytes each), the start of the stub's message, the metadata (compressed);
// and what had to make room for a program header. All numbers are little-endian, offsets
// are from the start of the segment unless said otherwise.
const (
	headMagic    = 0  // "GOFINDSL"
	headVersion  = 8  // uint32, Version
	headSize     = 16 // uint64, of all this, without what moved
	headProbe    = 24 // uint64
	headFilter   = 32 // uint32, offset of the filter
	headCount    = 36 // uint32, its instructions
	headMessage  = 40 // uint32, offset of the message from the data
	headMsgLen   = 44 // uint32
	headMeta     = 48 // uint32, offset of the metadata
	headMetaLen  = 52 // uint32, compressed
	headMetaFull = 56 // uint32, not compressed
	headData     = 60 // uint32, offset of the data
	headSum      = 64 // SHA-256 of what follows the header, up to that size
	headLen      = 128

	magic = "GOFINDSL"

	// Version is that of the format. Others are refused.
	Version = 1
)

// The sections that cover the segment, for tools that keep what has a section header: header
// and code, data.
const (
	codeSection = ".gofind.seal"
	dataSection = ".gofind.filter"
)

// ExitCode is what a sealed program ends with when it cannot install its filter.
const ExitCode = 125

//go:embed stub.hex
var stubHex string

// stub returns the header and the stub, and the offset of the operand of its last jump.
var stub = sync.OnceValues(func() ([]byte, int) {
	code, err := hex.DecodeString(strings.Join(strings.Fields(stubHex), ""))
	if err != nil {
		panic(fmt.Sprintf("stub.hex: %v", err))
	}
	// popfq; jmp +0
	i := bytes.Index(code, []byte{0x9d, 0xe9, 0, 0, 0, 0})
	if i < 0 || len(code)%8 != 0 {
		panic("stub.hex: no jump to the entry")
	}
	return code, i + 2
})

var le = binary.LittleEndian
