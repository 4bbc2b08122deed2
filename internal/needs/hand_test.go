package needs

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/gofind-dev/gofind/internal/kraft"
	"github.com/gofind-dev/gofind/internal/unikernel"
)

// TestHand: a callback that goes a long way to who calls it, through several functions and another compartment, is among what
// that needs.
func TestHand(t *testing.T) {
	f, err := kraft.Parse("kraft.yaml", []byte("compartments: [{name: kernel, default: true}, {name: app}, {name: worker}, {name: far}]\n"+
		"libraries: {mini: {compartment: app}, worker: {compartment: worker}, far: {compartment: far}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []string{"1", "2", "3", "4", "5", "6", "7"} {
		t.Run(way, func(t *testing.T) {
			m, err := unikernel.Open(filepath.Join(mini(t, "-DHAND="+way), "mini_qemu-x86_64.dbg"))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			r, err := Find(context.Background(), m, f, Options{Transparent: TransparentByDefault})
			if err != nil {
				t.Fatal(err)
			}
			if far := &r.Plan.Compartments[3]; !far.Needs.Has(83) {
				t.Errorf("%s needs %v", far.Name, names(&far.Needs))
			}
		})
	}
}
