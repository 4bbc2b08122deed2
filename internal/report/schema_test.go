package report

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gofind-dev/gofind"
)

// TestSchemaDocumented compares the JSON shape of the Go types with the tables
// of docs/json.md, in both directions: fields, their order and their types.
func TestSchemaDocumented(t *testing.T) {
	want := make(map[string][]string)
	describe(want, reflect.TypeFor[gofind.Result]())
	describe(want, reflect.TypeFor[Why]())
	describe(want, reflect.TypeFor[SwitchList]())
	describe(want, reflect.TypeFor[gofind.Sealed]())
	describe(want, reflect.TypeFor[gofind.Policy]())
	describe(want, reflect.TypeFor[gofind.Diff]())
	describe(want, reflect.TypeFor[gofind.Verification]())
	describe(want, reflect.TypeFor[gofind.Audit]())
	describe(want, reflect.TypeFor[gofind.ImagePlan]())
	describe(want, reflect.TypeFor[gofind.SealedImage]())
	describe(want, reflect.TypeFor[gofind.ImageVerification]())
	describe(want, reflect.TypeFor[gofind.CompartmentResult]())
	describe(want, reflect.TypeFor[gofind.KraftFile]())
	describe(want, reflect.TypeFor[KraftMatrix]())
	describe(want, reflect.TypeFor[KraftWhy]())
	describe(want, reflect.TypeFor[gofind.SplitSuggestion]())
	describe(want, reflect.TypeFor[gofind.GroupsResult]())
	describe(want, reflect.TypeFor[gofind.ImageRules]())
	describe(want, reflect.TypeFor[gofind.ImageSet]())
	describe(want, reflect.TypeFor[gofind.SealedImageSet]())
	got := documented(t, "../../docs/json.md")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/json.md does not describe the Go types (-Go +documented):\n%s", diff)
	}
}

// describe adds the fields of a struct, and of the structs in it, as the
// documentation writes them: "name: type".
func describe(to map[string][]string, typ reflect.Type) {
	if to[typ.Name()] != nil {
		return
	}
	var fields []string
	for f := range typ.Fields() {
		if !f.IsExported() {
			continue
		}
		if f.Anonymous { // its fields are the document's
			part := make(map[string][]string)
			describe(part, f.Type)
			fields = append(fields, part[f.Type.Name()]...)
			continue
		}
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		line := name + ": " + jsonType(f.Type)
		if opts == "omitempty" {
			line += ", optional"
		}
		fields = append(fields, line)
	}
	to[typ.Name()] = fields
	for f := range typ.Fields() {
		if !f.IsExported() {
			continue
		}
		sub := f.Type
		if sub.Kind() == reflect.Slice || sub.Kind() == reflect.Pointer {
			sub = sub.Elem()
		}
		if sub.Kind() == reflect.Struct && !f.Anonymous {
			describe(to, sub)
		}
	}
}

// jsonType names the JSON type of a Go type.
func jsonType(typ reflect.Type) string {
	switch typ.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Uint64:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.Pointer:
		return jsonType(typ.Elem())
	case reflect.Slice:
		return "array of " + strings.TrimPrefix(jsonType(typ.Elem()), "object ")
	case reflect.Struct:
		return "object " + typ.Name()
	}
	return "undocumented " + typ.String()
}

var (
	docHeading = regexp.MustCompile(`^### (\w+)$`)
	docField   = regexp.MustCompile("^\\| `(\\w+)` \\| ([^|]+?) \\| [^|]+ \\|$")
)

// documented reads the tables of the documentation.
func documented(t *testing.T, path string) map[string][]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	types := make(map[string][]string)
	heading := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if m := docHeading.FindStringSubmatch(line); m != nil {
			heading = m[1]
		}
		if m := docField.FindStringSubmatch(line); m != nil {
			types[heading] = append(types[heading], m[1]+": "+strings.TrimSuffix(m[2], ", *open*"))
		}
	}
	return types
}
