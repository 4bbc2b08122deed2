package hostconf

import (
	"strings"
	"testing"
)

func TestPluginEntry(t *testing.T) {
	for _, c := range []struct {
		symbol, kind string
		proves       bool
	}{
		{"_nss_systemd_getpwnam_r", "nss", true},
		{"pam_sm_setcred", "pam", true},
		{"gconv_init", "gconv", true},
		{"OSSL_provider_init", "openssl-provider", true},
		{"sasl_client_plug_init", "sasl", true},
		{"boot_List__Util", "perl", true},
		{"PyInit__ssl", "python", true},
		{"ngx_modules", "nginx", true},
		{"mod_deflate_plugin_init", "lighttpd", true},
		{"quota_plugin_init", "plugin-init", false},
		{"pg_finfo_hstore_in", "postgresql", true},
		{"gst_plugin_coreelements_get_desc", "gstreamer", true},
		{"g_io_dconfsettings_load", "gio", true},
		{"C_GetFunctionList", "pkcs11", true},
		{"luaopen_cjson", "lua", true},
		{"basename_struct", "bash-builtin", false},
		{"dl_load", "gawk", true},
		{"dict_lmdb_open", "postfix", true},
		{"setup_", "zsh", true},
		{"boot_", "zsh", true},
		{"clpreauth_spake_initvt", "krb5", true},
		{"gss_mech_initialize", "gssapi", true},
		{"gss_init_sec_context", "gssapi", false},
		{"JNI_OnLoad", "jni", false},
		{"JNI_OnLoad_x", "jni", false},

		{"printf", "", false},
		{"", "", false},
		{"_nss_", "", false},
		{"_nss__x", "", false},
		{"_struct", "", false},
		{"main", "", false},
		{"_init", "", false},
		{"DllMain", "", false},
	} {
		kind, ok := PluginEntry(c.symbol)
		if kind != c.kind || ok != (c.kind != "") || PluginProves(c.symbol) != c.proves {
			t.Errorf("%s: %q, %v, proves %v; want %q, %v", c.symbol, kind, ok, PluginProves(c.symbol), c.kind, c.proves)
		}
	}
}

func TestPluginImplies(t *testing.T) {
	if s, ok := PluginImplies("pg_finfo_hstore_in"); !ok || s != "hstore_in" {
		t.Errorf("%q, %v", s, ok)
	}
	for _, s := range []string{"pg_finfo_", "_PG_init", "x"} {
		if other, ok := PluginImplies(s); ok {
			t.Errorf("%s implies %s", s, other)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, s, star string
		ok               bool
	}{
		{"a*", "ab", "b", true}, {"a*", "a", "", false}, {"*a", "ba", "b", true}, {"*a", "a", "", false}, {"*a", "aab", "", false},
		{"a*b*c", "axbyc", "x", true}, {"a*b*c", "abbbc", "b", true}, {"a*b*c", "abc", "", false}, {"a*b*c", "axbc", "", false},
		{"*x*", "axb", "a", true}, {"*x*", "xx", "", false}, {"*x*", "xxx", "x", true}, {"*_LTX_*", "a_LTX_b", "a", true},
		{"a*a", "a", "", false}, {"a*a", "aa", "", false}, {"a*a", "aaa", "a", true},
	} {
		star, ok := match(strings.Split(c.pattern, "*"), c.s)
		if ok != c.ok || ok && star != c.star {
			t.Errorf("%s, %s: %q, %v, want %q, %v", c.pattern, c.s, star, ok, c.star, c.ok)
		}
	}
}

func TestPluginEntriesErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a\tk\t-\ts\na\tk\t-\ts\n", `f:2: pattern "a" is there twice`},
		{"a\tk\tb\ts\n", `f:1: "a" implies "b", but has not one star`},
		{"*\tk\t-\ts\n", `f:1: pattern "*" matches too much`},
		{"a**\tk\t-\ts\n", `f:1: pattern "a**" matches too much`},
		{"a\tk\n", "f:1: 2 columns, want 4"},
	} {
		if _, err := parsePluginEntries("f", c.text); err == nil || err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}

// Everything that this package says a library looks up is also known as an entry.
func TestEntriesAgree(t *testing.T) {
	check := func(symbols []string) {
		for _, s := range symbols {
			if _, ok := PluginEntry(s); !ok {
				t.Errorf("%s is not in plugin-entries.txt", s)
			}
		}
	}
	check(gconvEntries)
	for _, e := range pamEntries {
		check(e)
	}
	for _, e := range opensslEntries {
		check(e)
	}
	for _, d := range pluginDirs() {
		check(pluginSymbols(d.entries, strings.Join(d.files, "x_y")))
	}
	for _, f := range NSSFunctions() {
		for _, e := range f.Entries {
			check([]string{"_nss_x_" + e})
		}
	}
}

func TestPlugins(t *testing.T) {
	files := tree{
		"/usr/lib64/sasl2/libplain.so":                 "",
		"/usr/lib64/sasl2/libplain.so.3":               "",
		"/usr/lib64/sasl2/libx.la":                     "# libtool\ndlname='libx.so.3'\n",
		"/usr/lib64/gio/modules/libgiofoo-bar.so":      "",
		"/usr/share/p11-kit/modules/p11.module":        "# x\nmodule: p11-kit-trust.so\npriority: 1\n",
		"/etc/pkcs11/modules/abs.module":               "module:/opt/t.so\n",
		"/etc/pkcs11/modules/none.module":              "priority: 1\n",
		"/usr/lib/x86_64-linux-gnu/xtables/libxt_a.so": "",
	}
	for _, c := range []struct{ library, want string }{
		{"libc.so.6", ""},
		{"libsasl2.so.2", `
plugin libplain.so /usr/lib64/sasl2/libplain.so sasl_auxprop_plug_init,sasl_canonuser_init,sasl_client_plug_init,sasl_server_plug_init /usr/lib64/sasl2/libplain.so
plugin libx.so.3 /usr/lib64/sasl2/libx.so.3 sasl_auxprop_plug_init,sasl_canonuser_init,sasl_client_plug_init,sasl_server_plug_init /usr/lib64/sasl2/libx.la
`},
		{"libgio-2.0.so.0", `
plugin libgiofoo-bar.so /usr/lib64/gio/modules/libgiofoo-bar.so g_io_foo_bar_load,g_io_foo_bar_query,g_io_foo_bar_unload,g_io_giofoo_bar_load,g_io_giofoo_bar_query,g_io_giofoo_bar_unload,g_io_libgiofoo_bar_load,g_io_libgiofoo_bar_query,g_io_libgiofoo_bar_unload,g_io_module_load,g_io_module_query,g_io_module_unload,g_module_check_init,g_module_unload /usr/lib64/gio/modules/libgiofoo-bar.so
`},
		{"libp11-kit.so.0", `
plugin p11-kit-trust.so /usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-trust.so:/usr/lib64/pkcs11/p11-kit-trust.so:/usr/lib/pkcs11/p11-kit-trust.so:/usr/local/lib64/pkcs11/p11-kit-trust.so:/usr/local/lib/pkcs11/p11-kit-trust.so C_GetFunctionList,C_GetInterface,C_GetInterfaceList /usr/share/p11-kit/modules/p11.module
plugin t.so /opt/t.so C_GetFunctionList,C_GetInterface,C_GetInterfaceList /etc/pkcs11/modules/abs.module
`},
		{"libxtables.so.12", `
plugin libxt_a.so /usr/lib/x86_64-linux-gnu/xtables/libxt_a.so  /usr/lib/x86_64-linux-gnu/xtables/libxt_a.so
`},
	} {
		got := Plugins(files.read, files.dir, c.library)
		if s := summary(got.Modules); s != strings.TrimPrefix(c.want, "\n") || len(got.Errors) > 0 {
			t.Errorf("%s: got\n%s%q want\n%s", c.library, s, got.Errors, c.want)
		}
	}
}

func TestPluginsHost(t *testing.T) {
	for _, library := range PluginLibraries() {
		c := Plugins(hostRead, hostDir, library)
		t.Logf("%s: %d modules", library, len(c.Modules))
		if len(c.Errors) > 0 {
			t.Errorf("%s: %q", library, c.Errors)
		}
	}
}

func BenchmarkPluginEntry(b *testing.B) {
	symbols := []string{"_ZNSt6vectorIiE9push_backEv", "gst_plugin_x_get_desc", "PyInit_x", "some_function_of_a_library", "ngx_modules"}
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range symbols {
			PluginEntry(s)
		}
	}
}
