package specimen

import "embed"

//go:embed srcpku
var pkuSources embed.FS

// PKULibraries are the micro-libraries of the image with memory keys: those of the other below the
// C library, and compartments and an application of its own.
var PKULibraries = append(append([]Library{{"kvmplat", []string{"pkuboot.S", "plat.c", "mm.c"}}}, Libraries[1:8]...),
	Library{"flexos", []string{"intelpku.c"}},
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

// BuildPKU makes an image whose compartments are laid out as FlexOS lays them out for its intel-pku driver. The final file is an ELF64 file that is loaded by the
// addresses in its multiboot header. The image makes its page table as it starts, and gives memory keys in it: key n to the data and the stack of compartment n, key 15
// to what is shared, and key 0 to all else, text too. Gates are inlined, change PKRU and stack, and are only calls on the stack of interrupts; handlers and
// context switches open all keys.
func BuildPKU(dir string, extra ...string) (*Image, error) {
	img, err := build(dir, PKUKraftYAML, "pku.lds", PKULibraries, []embed.FS{sources, pkuSources}, nil, append([]string{"-DPKU"}, extra...)...)
	if err == nil {
		img.PKU = true
	}
	return img, err
}
