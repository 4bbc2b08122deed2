// Command gofind finds every system call that a compiled program can make, from
// the binary alone. See gofind --help.
package main

import "os"

func main() {
	tuneMemory()
	os.Exit(int(run(os.Args[1:], os.Stdout, os.Stderr)))
}
