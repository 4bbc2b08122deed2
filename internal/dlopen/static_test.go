package dlopen

import (
	"slices"
	"testing"
)

// Each part has a text, and none is taken for the name of a library.
func TestOwnTexts(t *testing.T) {
	var got []part
	for text, parts := range ownTexts() {
		if isLibraryName(text) {
			t.Errorf("%q is the name of a library, too", text)
		}
		got = append(got, parts...)
	}
	for _, p := range []part{ownServices, ownLoader, ownGconv, ownHooks, "dlopen", "dlmopen", "dlsym"} {
		if !slices.Contains(got, p) {
			t.Errorf("nothing shows %s", p)
		}
	}
}
