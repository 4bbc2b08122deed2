package process

import (
	"path"
	"strings"
)

// maxConfDepth bounds includes of includes, maxConfDirs their result.
const (
	maxConfDepth = 16
	maxConfDirs  = 4096
)

// confDirs reads /etc/ld.so.conf as ldconfig(8) does: directories one a line,
// "#" comments, "include" with patterns relative to the file. It stands in for a
// missing ld.so.cache, e.g. in a system that was unpacked and never started.
func (p *Process) confDirs() []string {
	var dirs []string
	seen := map[string]bool{}
	var parse func(file string, depth int)
	parse = func(file string, depth int) {
		if seen["\x00"+file] {
			return
		}
		seen["\x00"+file] = true
		data, err := p.ReadConfig(file, "ld.so.conf")
		if err != nil {
			return
		}
		for line := range strings.Lines(string(data)) {
			line, _, _ = strings.Cut(line, "#")
			line = strings.TrimSpace(line)
			word, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
			switch {
			case line == "" || strings.EqualFold(word, "hwcap"):
			case word == "include":
				for pat := range strings.FieldsSeq(rest) {
					if !strings.HasPrefix(pat, "/") {
						pat = join(path.Dir(file), pat)
					}
					if depth < maxConfDepth {
						for _, f := range p.link.fs.glob(pat) {
							parse(f, depth+1)
						}
					}
				}
			default:
				dir, _, _ := strings.Cut(line, "=") // "dir=libc6" of old
				dir = strings.TrimSpace(dir)
				if strings.HasPrefix(dir, "/") && !seen[dir] && len(dirs) < maxConfDirs {
					seen[dir] = true
					dirs = append(dirs, dir)
				}
			}
		}
	}
	parse("/etc/ld.so.conf", 0)
	return dirs
}

// preloadFile reads the names in /etc/ld.so.preload: separated by white space
// or colons, with "#" comments.
func (p *Process) preloadFile() []string {
	data, err := p.ReadConfig("/etc/ld.so.preload", "ld.so.preload")
	if err != nil {
		return nil
	}
	var names []string
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		names = append(names, strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\n\r:", r) })...)
	}
	return names
}
