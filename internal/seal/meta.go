package seal

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Schema is the name of the metadata's form.
const Schema = "gofind.seal/v1"

// maxMeta bounds the metadata of a hostile file.
const maxMeta = 64 << 20

// Meta is what a sealed program says about its seal: a JSON document.
type Meta struct {
	Schema       string          `json:"schema"`
	Tool         string          `json:"tool"`            // version of what sealed it
	Program      string          `json:"program"`         // path of the program that was sealed
	Named        string          `json:"named,omitempty"` // path by which it was asked for, if that is a link with another name
	Instructions int             `json:"instructions"`    // of the filter
	Policy       json.RawMessage `json:"policy"`          // gofind.policy/v1, with all files that it rests on
	Original     Original        `json:"original"`        // how to get back what was sealed
}

// Original says how to get the file back: the first End bytes of the sealed file with the
// patches undone, and its last bytes, so that there are Size of them.
type Original struct {
	Size    uint64  `json:"size"`
	SHA256  string  `json:"sha256"`
	End     uint64  `json:"end"`
	Entry   uint64  `json:"entry"`
	Patches []Patch `json:"patches"`
}

// Patch is what was at an offset of the original.
type Patch struct {
	Offset uint64 `json:"offset"`
	Bytes  []byte `json:"bytes"`
}

// encode returns the compressed document and its size before.
func (m *Meta) encode() ([]byte, int, error) {
	doc, err := json.Marshal(m)
	if err != nil {
		return nil, 0, err
	}
	if len(doc) > maxMeta {
		return nil, 0, fmt.Errorf("%d bytes of metadata, at most %d", len(doc), maxMeta)
	}
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, zlib.BestCompression)
	if err != nil {
		return nil, 0, err
	}
	if _, err = w.Write(doc); err == nil {
		err = w.Close()
	}
	return b.Bytes(), len(doc), err
}

func decode(b []byte, full int) (*Meta, error) {
	if full > maxMeta {
		return nil, errors.New("too large")
	}
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	doc, err := io.ReadAll(io.LimitReader(r, int64(full)+1))
	if err != nil {
		return nil, err
	}
	if len(doc) != full {
		return nil, fmt.Errorf("%d bytes, not %d", len(doc), full)
	}
	var m Meta
	if err := json.Unmarshal(doc, &m); err != nil {
		return nil, err
	}
	if m.Schema != Schema {
		return nil, fmt.Errorf("schema %q, not %s", m.Schema, Schema)
	}
	return &m, nil
}
