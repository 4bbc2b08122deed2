package main

import (
	"cmp"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/gofind-dev/gofind/internal/report"
)

// version is what the binary knows about its own making.
type version struct {
	module   string // "v1.2.3", or "(devel)"
	commit   string // "" if the build did not record it
	time     string // of the commit
	modified bool   // the work tree had changes
	golang   string
	target   string // "linux/amd64"
}

// buildVersion reads the build information of the running binary.
func buildVersion() version {
	v := version{module: "(devel)"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	setting := make(map[string]string, len(info.Settings))
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	v.module = cmp.Or(info.Main.Version, v.module)
	v.commit = setting["vcs.revision"]
	v.time = setting["vcs.time"]
	v.modified = setting["vcs.modified"] == "true"
	v.golang = info.GoVersion
	v.target = setting["GOOS"] + "/" + setting["GOARCH"]
	return v
}

// short is the version in a few words.
func (v version) short() string {
	if v.commit == "" {
		return v.module
	}
	s := v.module + " (" + v.commit[:min(12, len(v.commit))]
	if v.modified {
		s += ", modified"
	}
	return s + ")"
}

// newVersion is `gofind version`.
func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version of gofind and of its table of system calls",
		Long: `Version shows the version of gofind, the commit and the compiler it was built
from, and how far its table of the kernel's system calls goes.`,
		Example: `  gofind version`,
		Args:    arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			v := buildVersion()
			w := c.OutOrStdout()
			fmt.Fprintf(w, "gofind    %s\n", v.module)
			fmt.Fprintf(w, "commit    %s\n", cmp.Or(v.commit, "unknown"))
			if v.time != "" {
				fmt.Fprintf(w, "date      %s\n", v.time)
			}
			if v.modified {
				fmt.Fprintln(w, "modified  yes")
			}
			fmt.Fprintf(w, "go        %s %s\n", v.golang, v.target)
			_, err := fmt.Fprintf(w, "kernel    %s\n", report.Table())
			return err
		},
	}
}
