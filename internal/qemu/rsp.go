package qemu

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// maxPacket is the largest packet of the protocol that is read, in bytes; QEMU's have 4096.
const maxPacket = 1 << 16

var errPacket = errors.New("gdb stub: malformed packet")

// conn exchanges packets of the remote serial protocol: $data#checksum, each of which
// is answered with + (QEMU 7.2 has no QStartNoAckMode).
type conn struct {
	r *bufio.Reader
	w io.Writer
}

func newConn(rw io.ReadWriter) *conn {
	return &conn{r: bufio.NewReader(rw), w: rw}
}

func checksum(data []byte) (sum byte) {
	for _, b := range data {
		sum += b
	}
	return sum
}

// send writes one packet. Data must hold none of $ # } *, as no command here does.
func (c *conn) send(data string) error {
	_, err := fmt.Fprintf(c.w, "$%s#%02x", data, checksum([]byte(data)))
	return err
}

// receive reads one packet, and returns its data with escapes and runs expanded.
func (c *conn) receive() ([]byte, error) {
	for {
		b, err := c.r.ReadByte()
		if err != nil {
			return nil, err
		}
		switch b {
		case '$':
		case '+': // the stub has our packet
			continue
		case '-':
			return nil, errors.New("gdb stub: it did not understand a packet")
		default: // noise between packets, or a notification (%), none of which is asked for
			continue
		}
		var raw []byte
		for {
			if b, err = c.r.ReadByte(); err != nil {
				return nil, err
			}
			if b == '#' {
				break
			}
			if len(raw) == maxPacket {
				return nil, errPacket
			}
			raw = append(raw, b)
		}
		var digits, sum [2]byte
		if _, err := io.ReadFull(c.r, digits[:]); err != nil {
			return nil, err
		}
		if n, err := hex.Decode(sum[:], digits[:]); err != nil || n != 1 || sum[0] != checksum(raw) {
			return nil, errPacket
		}
		if _, err := c.w.Write([]byte{'+'}); err != nil {
			return nil, err
		}
		return expand(raw)
	}
}

// expand undoes the protocol's escapes (} before byte^0x20) and run lengths (X*n is X and n-29 more).
func expand(raw []byte) ([]byte, error) {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		switch b := raw[i]; {
		case b == '}':
			if i++; i == len(raw) {
				return nil, errPacket
			}
			out = append(out, raw[i]^0x20)
		case b == '*':
			if i++; i == len(raw) || len(out) == 0 || raw[i] < 29 || raw[i] > 126 {
				return nil, errPacket
			}
			last := out[len(out)-1]
			for range raw[i] - 29 {
				out = append(out, last)
			}
			if len(out) > maxPacket {
				return nil, errPacket
			}
		default:
			out = append(out, b)
		}
	}
	return out, nil
}
