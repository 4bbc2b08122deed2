package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Unmarshal decodes one JSON document. Errors name the file and the line.
func Unmarshal(file string, data []byte, v any) error {
	return located(file, unmarshal(data, v))
}

// At adds to an error the file and the line of the value at a path of field names and indices.
func At(file string, data []byte, err error, path ...any) error {
	return located(file, &lineError{lineOf(data, path...), err})
}

// unmarshal decodes one JSON document. Errors have lines.
func unmarshal(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(v)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			return &lineError{lineAt(data, dec.InputOffset()), errors.New("more follows after the end of the document")}
		}
		return nil
	}
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return &lineError{lineAt(data, syntax.Offset), errors.New("not JSON: " + syntax.Error())}
	case errors.As(err, &typ):
		return &lineError{lineAt(data, typ.Offset), err}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &lineError{lineAt(data, int64(len(data))), errors.New("the file ends in the middle of a JSON document")}
	}
	return err
}

// lineAt returns the line of an offset, from 1.
func lineAt(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), int64(len(data)))], []byte{'\n'})
}

// lineOf returns the line of the value at a path of field names and indices in a JSON
// document, or that of the last step that exists.
func lineOf(data []byte, path ...any) int {
	dec := json.NewDecoder(bytes.NewReader(data))
	end := func() int { return lineAt(data, dec.InputOffset()) }
	for _, step := range path {
		if _, err := dec.Token(); err != nil { // the opening bracket
			return end()
		}
		found := false
		for i := 0; dec.More() && !found; i++ {
			var key any = i
			if _, ok := step.(string); ok {
				t, err := dec.Token()
				if err != nil {
					return end()
				}
				key = t
			}
			if found = key == step; !found {
				var skip json.RawMessage
				if dec.Decode(&skip) != nil {
					return end()
				}
			}
		}
		if !found {
			return end()
		}
	}
	var value json.RawMessage
	if dec.Decode(&value) != nil {
		return end()
	}
	return lineAt(data, dec.InputOffset()-int64(len(value)))
}
