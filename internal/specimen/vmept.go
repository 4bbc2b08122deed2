package specimen

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"time"
)

//go:embed srcvmept
var vmeptSources embed.FS

// VMEPTLibraries are the micro-libraries of both images of the set.
var VMEPTLibraries = append(append([]Library{}, Libraries[:8]...),
	Library{"flexos_core", []string{"vmept.c"}},
	Library{"plugin", []string{"vmplugin.c"}},
	Library{"main", []string{"vmapp.c"}},
)

// VMEPTKraftYAML assigns the libraries to compartments.
const VMEPTKraftYAML = `specification: '0.6'
name: image
targets: [{architecture: x86_64, platform: qemu}]
compartments:
  - {name: core, mechanism: {driver: vmept}, default: true}
  - {name: plugin, mechanism: {driver: vmept}}
libraries:
  plugin: {compartment: plugin}
`

// What the images need, and what may be called in each from the other, from reading their source.
var (
	VMEPTNeeds   = []string{"writev getppid clone futex exit exit_group", "writev getuid open creat read write close unlink exit_group"}
	VMEPTExports = [][]string{{"app_scale"}, {"plugin_load", "plugin_sum"}}
)

// VMEPTShared is how many bytes the machines of a set share; QEMU's device for that is ivshmem-plain.
const VMEPTShared = 2 << 20

// BuildVMEPT makes the images of two compartments that are virtual machines, as FlexOS's kraft makes them for its vmept
// driver: all libraries are in both, functions have the same addresses, main is in the first alone and the other
// serves calls, which go through memory that both share. The files of compartment N end in .compN.
func BuildVMEPT(dir string, extra ...string) ([]*Image, error) {
	var set []*Image
	for n := range 2 {
		img, err := build(dir, VMEPTKraftYAML, "vmept.lds", VMEPTLibraries, []embed.FS{sources, vmeptSources}, nil,
			append([]string{fmt.Sprintf("-DFLEXOS_VMEPT_COMP_ID=%d", n)}, extra...)...)
		if err != nil {
			return nil, err
		}
		for _, path := range []*string{&img.Debug, &img.Final} {
			to := fmt.Sprintf("%s.comp%d", *path, n)
			if err := os.Rename(*path, to); err != nil {
				return nil, err
			}
			*path = to
		}
		set = append(set, img)
	}
	now := time.Now() // kraft.yaml was written again
	for _, img := range set {
		if err := errors.Join(os.Chtimes(img.Debug, now, now), os.Chtimes(img.Final, now, now)); err != nil {
			return nil, err
		}
	}
	return set, nil
}
