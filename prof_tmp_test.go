package gofind_test

import (
	"context"
	gofind "github.com/gofind-dev/gofind"
	"os"
	"testing"
)

func TestProf(t *testing.T) {
	p := os.Getenv("PROFP")
	if p == "" {
		t.Skip()
	}
	r, err := gofind.Scan(context.Background(), p, gofind.Options{HostNone: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(r.Syscalls), r.Stats)
}
