package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestEvictProgram(t *testing.T) {
	before := programRSS(t)
	evictProgram()
	if after := programRSS(t); after > before*3/4 {
		t.Errorf("%d KB of the program are in memory, %d before", after, before)
	}
}

// programRSS returns how much of this program's code and constants is in memory, in KB.
func programRSS(t *testing.T) (kb int) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^[0-9a-f]+-[0-9a-f]+ r-[x-]p .* (/.*)\n(?:\w+: .*\n)*?Rss: +(\d+) kB`).FindAllStringSubmatch(string(maps), -1) {
		if strings.TrimSpace(m[1]) == self {
			n, _ := strconv.Atoi(m[2])
			kb += n
		}
	}
	if kb == 0 {
		t.Fatal("nothing of the program is in memory")
	}
	return kb
}
