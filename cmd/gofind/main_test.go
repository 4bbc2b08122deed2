package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gofind-dev/gofind"
	"github.com/gofind-dev/gofind/internal/report"
	"github.com/gofind-dev/gofind/internal/specimen"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gofind": main})
}

// TestScripts runs the command as a user does. Scripts have these commands of
// their own:
//
//	exits CODE PROGRAM ARG...    run a program, which must end with this exit code
//	patch FILE OFFSET HEX        overwrite bytes of a file
//	truncate FILE SIZE           cut a file
//	append FILE TEXT             write text at the end of a file
//	flip FILE TEXT OFFSET        invert the lowest byte's bits at an offset from the first TEXT in a file
//	specimen [-pku|-vmept] DIR   build a unikernel in DIR, with a plan for it; needs gcc. With -pku, memory keys separate its compartments;
//	                             with -vmept, these are virtual machines, and there is no plan
//	result FILE                  FILE (or stdout) must be a gofind.scan/v1 document in canonical form
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"patch":    patch,
			"truncate": truncate,
			"append":   appendTo,
			"flip":     flip,
			"result":   result,
			"specimen": buildSpecimen,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func patch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: patch FILE OFFSET HEX")
	}
	offset, err := strconv.ParseInt(args[1], 0, 64)
	ts.Check(err)
	data, err := hex.DecodeString(args[2])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt(data, offset)
	ts.Check(errors.Join(err, f.Close()))
}

func appendTo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: append FILE TEXT")
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY|os.O_APPEND, 0)
	ts.Check(err)
	_, err = f.WriteString(args[1])
	ts.Check(errors.Join(err, f.Close()))
}

func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: flip FILE TEXT OFFSET")
	}
	offset, err := strconv.Atoi(args[2])
	ts.Check(err)
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	at := bytes.Index(data, []byte(args[1]))
	if at < 0 {
		ts.Fatalf("no %s in %s", args[1], args[0])
	}
	data[at+offset] ^= 0xff
	ts.Check(os.WriteFile(path, data, 0o755))
}

func truncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE SIZE")
	}
	size, err := strconv.ParseInt(args[1], 0, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}

func buildSpecimen(ts *testscript.TestScript, neg bool, args []string) {
	build := specimen.Build
	if len(args) > 0 && args[0] == "-pku" {
		build, args = specimen.BuildPKU, args[1:]
	}
	if len(args) > 0 && args[0] == "-linked" { // with the micro-library, and rules from a directory if there is one
		runtime, err := filepath.Abs("../../runtime/unikraft")
		ts.Check(err)
		linked := specimen.Linked{Runtime: runtime}
		if len(args) == 3 {
			linked.Rules, args = ts.MkAbs(args[1]), args[1:]
		}
		build = func(dir string, extra ...string) (*specimen.Image, error) {
			return specimen.BuildLinked(dir, linked, extra...)
		}
		args = args[1:]
	}
	set := len(args) > 0 && args[0] == "-vmept"
	if set {
		args = args[1:]
	}
	if neg || len(args) != 1 {
		ts.Fatalf("usage: specimen [-pku | -vmept | -linked [RULES]] DIR")
	}
	dir := ts.MkAbs(args[0])
	if set {
		_, err := specimen.BuildVMEPT(dir)
		ts.Check(err)
		return
	}
	img, err := build(dir)
	ts.Check(err)
	ts.Check(img.WritePlan(filepath.Join(dir, "plan.json")))
}

func result(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: result FILE")
	}
	data := ts.ReadFile(args[0])
	var r gofind.Result
	dec := json.NewDecoder(bytes.NewReader([]byte(data)))
	dec.DisallowUnknownFields()
	ts.Check(dec.Decode(&r))
	if r.Schema != "gofind.scan/v1" {
		ts.Fatalf("schema %q", r.Schema)
	}
	// Nil slices would come back as null, so this finds them too.
	var canonical bytes.Buffer
	ts.Check(report.JSON(&canonical, &r))
	if canonical.String() != data || bytes.Contains(canonical.Bytes(), []byte("null")) {
		ts.Fatalf("the document is not in canonical form, want:\n%s", canonical.String())
	}
}
