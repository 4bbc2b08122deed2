package unikernel

import "testing"

func TestSourceRules(t *testing.T) {
	m := &Image{Libs: []Lib{{Name: "libvfscore"}, {Name: "libposix_fdio"}, {Name: "libkvmplat"}, {Name: "libmusl"}, {Name: "libmuslglue"}, {Name: "appnginx"}, {Name: "libvirtio_net"}}}
	for file, want := range map[string]string{
		"/src/unikraft/lib/vfscore/main.c":                    "libvfscore",
		"/src/unikraft/lib/posix-fdio/fd.c":                   "libposix_fdio",
		"/src/unikraft/plat/kvm/x86/traps.S":                  "libkvmplat",
		"/app/build/libmusl/origin/musl-1.2.3//src/stdio/x.c": "libmusl",
		"/src/lib-musl/glue.c":                                "libmuslglue",
		"/apps/nginx/main.c":                                  "appnginx",
		"/src/unikraft/drivers/virtio/net/virtio_net.c":       "libvirtio_net",
		"/somewhere/else.c":                                   "",
	} {
		got := ""
		if i := m.libOfSource(file, true); i >= 0 {
			got = m.Libs[i].Name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse("fuzz", data)
		if (m == nil) != (err != nil) {
			t.Fatalf("%v, %v", m, err)
		}
		if m != nil {
			m.At(0)
			m.Owner(^uint64(0))
		}
	})
}
