package gofind

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gofind-dev/gofind/internal/qemu"
)

// ImageVerifyOptions say how VerifyImage boots an image.
type ImageVerifyOptions struct {
	Append   string        // command line of the image
	Initrd   string        // file, "" for none
	Memory   int           // MiB; 0 is 256
	Port     uint16        // TCP port of the image that the workload is to reach; 0 is no network
	Input    string        // what is typed on the console, each line after Until came once more
	Workload string        // shell command that is run while the image runs, with its address in $GOFIND_ADDR (HOST:PORT)
	Until    string        // the workload starts when the console has this text, and without a workload the run ends
	Timeout  time.Duration // for each boot; 0 is a minute
	Ignore   []string      // regular expressions: lines of console and workload that match are not compared
	QEMU     []string      // further arguments for QEMU
}

// ImageRun is what was seen of one boot.
type ImageRun struct {
	Image    string  `json:"image"`
	Console  string  `json:"console"`
	Ended    bool    `json:"ended"`    // by itself
	Status   int     `json:"status"`   // of QEMU, if it ended by itself
	Output   string  `json:"output"`   // of the workload
	Workload int     `json:"workload"` // its exit status
	Seconds  float64 `json:"seconds"`
}

// ImageVerification compares a boot of an image with one of the sealed image. It marshals to a gofind.kraftverify/v1 document.
type ImageVerification struct {
	Schema      string   `json:"schema"`
	Same        bool     `json:"same"`
	Differences []string `json:"differences"`
	Excused     []string `json:"excused"` // lines that differ for a reason that has nothing to do with rules, counted by reason
	Plain       ImageRun `json:"plain"`
	Sealed      ImageRun `json:"sealed"`
}

const imageVerifySchema = "gofind.kraftverify/v1"

// ErrNoQEMU says that QEMU is not installed.
var ErrNoQEMU = qemu.ErrNoQEMU

// VerifyImage boots an image and the sealed one in QEMU, drives both in the same way, and compares what can be seen of them:
// console, end, and what the workload prints and ends with. Not compared is what has nothing to do with the rules: numbers that
// are not the same in two boots of the image without rules, and addresses behind the image that moved as it grew. It is no error if they differ, but one if
// the image that is not sealed does not boot, fails its workload or runs out of time: then nothing was compared.
func VerifyImage(ctx context.Context, plain, sealed string, o ImageVerifyOptions) (*ImageVerification, error) {
	var ignore []*regexp.Regexp
	for _, s := range o.Ignore {
		re, err := regexp.Compile(s)
		if err != nil {
			return nil, fmt.Errorf("%q is no regular expression: %w", s, err)
		}
		ignore = append(ignore, re)
	}
	for _, path := range []string{plain, sealed} {
		_, err := InspectImage(path)
		switch {
		case path == plain && err == nil:
			return nil, fmt.Errorf("%s is sealed; name the image without rules first, the sealed one second", path)
		case path == sealed && errors.Is(err, ErrNoRules):
			return nil, fmt.Errorf("%s is not sealed; name the image without rules first, the sealed one second", path)
		case err != nil && !errors.Is(err, ErrNoRules):
			return nil, err
		}
	}
	if o.Initrd != "" {
		if _, err := os.Stat(o.Initrd); err != nil {
			return nil, err
		}
	}
	// QEMU passes the name of the file to the image, so both get the same.
	dir, err := os.MkdirTemp("", "gofind-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	boot := func(path string) (ImageRun, error) {
		abs, err := filepath.Abs(path)
		if err != nil {
			return ImageRun{}, err
		}
		link := filepath.Join(dir, "image")
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return ImageRun{}, err
		}
		if err := os.Symlink(abs, link); err != nil {
			return ImageRun{}, err
		}
		r, err := runImage(ctx, link, o)
		r.Image = path
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
		return r, err
	}
	v := &ImageVerification{Schema: imageVerifySchema, Differences: []string{}, Excused: []string{}}
	if v.Plain, err = boot(plain); err != nil {
		return nil, err
	}
	if v.Plain.Workload != 0 {
		return nil, fmt.Errorf("%s: the workload ended with %d without rules, so it can prove nothing; %s", plain, v.Plain.Workload, tail(v.Plain.Output))
	}
	if v.Sealed, err = boot(sealed); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		v.Differences = append(v.Differences, err.Error())
		return v, nil
	}
	end, moved, err := growth(plain, sealed)
	if err != nil {
		return nil, err
	}
	a, b := &v.Plain, &v.Sealed
	if a.Ended != b.Ended || a.Status != b.Status {
		v.Differences = append(v.Differences, fmt.Sprintf("end: %s, sealed %s", a.end(), b.end()))
	}
	if a.Workload != b.Workload {
		v.Differences = append(v.Differences, fmt.Sprintf("workload: ended with %d, sealed with %d", a.Workload, b.Workload))
	}
	c := comparer{ignore: ignore, end: end, moved: moved}
	lines := func() []string {
		return append(c.differences("console", a.Console, b.Console), c.differences("workload", a.Output, b.Output)...)
	}
	found := lines()
	if len(found) > 0 { // what is not the same each time says nothing
		again, err := boot(plain)
		if err != nil {
			return nil, err
		}
		c.vary(a.Console, again.Console)
		c.vary(a.Output, again.Output)
		c.shifted, c.varied = 0, 0
		found = lines()
	}
	v.Differences = append(v.Differences, found...)
	v.Excused = c.excused()
	v.Same = len(v.Differences) == 0
	return v, nil
}

func (r *ImageRun) end() string {
	if r.Ended {
		return fmt.Sprintf("by itself, status %d", r.Status)
	}
	return "was still running"
}

// runImage boots one image.
func runImage(ctx context.Context, path string, o ImageVerifyOptions) (ImageRun, error) {
	var r ImageRun
	timeout := o.Timeout
	if timeout == 0 {
		timeout = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	m, err := qemu.Start(ctx, qemu.Config{Kernel: path, Initrd: o.Initrd, Append: o.Append, Memory: o.Memory, Port: o.Port, Args: o.QEMU})
	if err != nil {
		return r, err
	}
	defer m.Close()
	if o.Until != "" {
		if err := m.Await(ctx, o.Until); err != nil {
			return r, err
		}
	}
	n := 0
	for line := range strings.Lines(o.Input) {
		if n++; o.Until != "" {
			if err := prompt(ctx, m, o.Until, n); err != nil {
				return r, err
			}
		}
		if err := m.Type(line); err != nil {
			return r, fmt.Errorf("the console takes no input: %w", err)
		}
	}
	switch {
	case o.Workload != "":
		c := exec.CommandContext(ctx, "sh", "-c", o.Workload)
		c.Env = append(os.Environ(), "GOFIND_ADDR="+m.Addr)
		c.WaitDelay = time.Second
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		err := c.Run()
		r.Output = out.String()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			r.Workload = exit.ExitCode()
		} else if err != nil {
			return r, err
		}
		if ctx.Err() != nil {
			return r, fmt.Errorf("the workload did not end in %v; console: %s", timeout, tail(m.Console()))
		}
	case o.Until == "" || o.Input != "":
		if r.Status, err = m.Wait(ctx); err != nil {
			return r, fmt.Errorf("%w; name a text with --until, after which it is done", err)
		}
		r.Ended = true
		// QEMU that refuses its arguments, or the image, ends as one does whose image ends.
		if e := m.Errors(); e != "" && m.Console() == "" {
			return r, fmt.Errorf("it did not boot, so that there is nothing to compare; QEMU says: %s", tail(e))
		}
	}
	m.Close()
	r.Console = m.Console()
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// prompt waits until the console has had a text n times.
func prompt(ctx context.Context, m *qemu.Machine, text string, n int) error {
	for strings.Count(m.Console(), text) < n {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %q on the console, the %d. time: %w; %s", text, n, ctx.Err(), tail(m.Console()))
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// tail is the end of a text, in one line.
func tail(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = "... " + s[len(s)-300:]
	}
	return s
}
