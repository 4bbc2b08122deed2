package specimen

import "embed"

//go:embed srcpku
var pkuSources embed.FS

// PKULibraries are the micro-libraries of the image with memory keys: those of the other below the
// C library, and compartments and an application of its own.
var PKULibraries = append(append([]Library{}, Libraries[:8]...),
	Library{"flexos_core", []string{"gates.S", "intelpku.c"}},
	Library{"lwip", []string{"pkunet.c"}},
	Library{"plugin", []string{"pkuplugin.c"}},
	Library{"app", []string{"pkuapp.c"}},
)

// PKUKraftYAML assigns the libraries to compartments.
const PKUKraftYAML = `specification: '0.6'
name: image
targets: [{architecture: x86_64, platform: qemu}]
compartments:
  - {name: core, mechanism: {driver: intel-pku}, default: true}
  - {name: net, mechanism: {driver: intel-pku}}
  - {name: plugin, mechanism: {driver: intel-pku}}
libraries:
  lwip: {compartment: net}
  plugin: {compartment: plugin}
`

// What the compartments net and plugin execute, that is, call at the entries themselves, and what net needs
// then, through gates into the C library, too.
const (
	NetExecutes    = "getpid getuid"
	PluginExecutes = "getppid getuid"
	PKUNetNeeds    = "getpid getuid getppid"
)

// BuildPKU makes an image whose compartments are laid out as FlexOS lays them out for its
// intel-pku driver: the value of PKRU is 0x3fffffff &^ (3 << 2*key) in the compartment of a key, key 15 is
// shared, data and stack of a compartment lie in .data_compN on pages of its key, and gates change PKRU and
// stack and are passed over on the stack of interrupts. Text has key 0. Unlike FlexOS, which sets keys as it boots, the boot page table has them.
func BuildPKU(dir string, extra ...string) (*Image, error) {
	img, err := build(dir, PKUKraftYAML, "pku.lds", PKULibraries, []embed.FS{sources, pkuSources}, nil, append([]string{"-DPKU"}, extra...)...)
	if err == nil {
		img.PKU = true
	}
	return img, err
}
