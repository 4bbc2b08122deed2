package qemu

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// wire is a connection whose other side has spoken already.
type wire struct {
	io.Reader
	sent bytes.Buffer
}

func (w *wire) Write(b []byte) (int, error) { return w.sent.Write(b) }

func packet(data string) string { return fmt.Sprintf("$%s#%02x", data, checksum([]byte(data))) }

func TestPackets(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"+" + packet("OK"), "OK"},
		{packet(""), ""},
		{"+noise" + packet("T05thread:01;"), "T05thread:01;"},
		{packet("0* "), "0000"},
		{packet("}\x03x"), "#x"},
		{packet("a}\x0ab"), "a*b"},
		{"$OK#00", "error"},
		{"$OK#zz", "error"},
		{"$OK", "error"},
		{"$OK#9", "error"},
		{"-", "error"},
		{packet("*!"), "error"},
		{packet("0*"), "error"},
		{packet("x}"), "error"},
		{"", "error"},
		{"$" + strings.Repeat("0", maxPacket+1), "error"},
		{packet(strings.Repeat("0*~", maxPacket/90)), "error"},
	} {
		w := &wire{Reader: strings.NewReader(c.in)}
		got, err := newConn(w).receive()
		if err != nil {
			got = []byte("error")
		} else if w.sent.String() != "+" {
			t.Errorf("%.40q is answered with %q", c.in, w.sent.String())
		}
		if string(got) != c.want {
			t.Errorf("%.40q: %.40q (%v), not %q", c.in, got, err, c.want)
		}
	}
	w := &wire{}
	if err := newConn(w).send("m1000,4"); err != nil || w.sent.String() != "$m1000,4#8e" {
		t.Errorf("sent %q (%v)", w.sent.String(), err)
	}
}

func FuzzPackets(f *testing.F) {
	f.Add([]byte("+" + packet("T05thread:01;") + packet("0* }\x03")))
	f.Add([]byte("$a#61$*~#a8-"))
	f.Fuzz(func(t *testing.T, in []byte) {
		c := newConn(&wire{Reader: bytes.NewReader(in)})
		for {
			b, err := c.receive()
			if err != nil {
				return
			}
			if len(b) > maxPacket+100 {
				t.Fatalf("%d bytes from %d", len(b), len(in))
			}
		}
	})
}
