package hostconf

import (
	"fmt"
	"strings"
)

// parseFacts calls row with the columns of each line of an embedded file that is neither
// empty nor a comment. Columns are separated by single tabs. Errors name file and line.
func parseFacts(file, text string, columns int, row func(f []string) error) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != columns {
			return fmt.Errorf("%s:%d: %d columns, want %d", file, n, len(f), columns)
		}
		for i, s := range f {
			if s == "" || strings.TrimSpace(s) != s {
				return fmt.Errorf("%s:%d: column %d is empty or has spaces around it", file, n, i+1)
			}
		}
		if err := row(f); err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	return nil
}

// mustParseFacts is parseFacts for files that are part of the program, and tested.
func mustParseFacts(file, text string, columns int, row func(f []string) error) {
	if err := parseFacts(file, text, columns, row); err != nil {
		panic("hostconf: " + err.Error())
	}
}
