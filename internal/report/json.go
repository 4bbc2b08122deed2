package report

import (
	"encoding/json"
	"io"
)

// JSON writes v as gofind writes every JSON document: keys in the order of the
// schema, indented by two spaces, <, > and & as themselves, one newline at the end.
func JSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
