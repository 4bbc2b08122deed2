package gofind_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/gofind-dev/gofind"
)

// The calls of a program, and why it makes one of them.
func ExampleScan() {
	program, err := hello() // the path of a small static program; any x86-64 ELF file will do
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(program)

	result, err := gofind.Scan(context.Background(), program, gofind.Options{})
	if err != nil {
		log.Fatal(err) // a file that is not there, or no x86-64 ELF file
	}
	fmt.Println("complete:", result.Complete)
	for _, call := range result.Syscalls {
		fmt.Println(call.Name, call.Number, call.ABI)
		for _, step := range call.Via {
			fmt.Println("  at", step.Address, "because of:", step.How)
		}
	}
	// Output:
	// complete: true
	// write 1 x86_64
	//   at 0x400078 because of: program entry
	// exit 60 x86_64
	//   at 0x400078 because of: program entry
}

// An answer that may lack calls is no error: it says what it does not know.
func ExampleScan_incomplete() {
	program, err := guess()
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(program)

	result, err := gofind.Scan(context.Background(), program, gofind.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if !result.Complete {
		for _, u := range result.Unresolved {
			if u.Open {
				fmt.Println(u.Kind, "at", u.Address)
			}
		}
	}
	// Output:
	// number at 0x40007b
}
