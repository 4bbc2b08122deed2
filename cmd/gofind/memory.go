package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// Most of what a scan allocates stays until its end, so a collection frees little, and the share of
// the heap that may be garbage before the next one is memory that is asked for and never used.
const (
	firstHeap = 400 // percent of the runtime's smallest heap, 4 MB: collections of a few MB are for nothing
	garbage   = 40  // percent, from then on
)

// tuneGC makes collections smaller and more frequent: measured with ffmpeg and its 280 files, a seventh
// less memory, and no difference in time that could be measured.
func tuneGC() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(firstHeap)
	runtime.AddCleanup(new([64]byte), func(percent int) { debug.SetGCPercent(percent) }, garbage)
}
