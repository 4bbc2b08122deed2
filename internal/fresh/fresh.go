// Package fresh allocates tables that are written to in no order.
//
// A page that the kernel has not backed yet, and that is read first, is backed by the page of zeros; when it is written to then, it is backed
// again, and the threads on all processors are interrupted to forget the first one: that takes several times as long as if it were
// written to at once. Hash tables look at each of their places before they fill it.
package fresh

import "unsafe"

// page is the size of a page, in bytes; of larger ones, more than one place is written to.
const page = 4096

// Make returns n zeros, all of whose pages were written to.
func Make[T any](n int) []T {
	s := make([]T, n)
	Touch(s)
	return s
}

// Touch writes to all pages of zeros, which it leaves as they are.
func Touch[T any](s []T) {
	each := max(1, page/int(unsafe.Sizeof(*new(T))))
	for i := 0; i < len(s); i += each {
		s[i] = *new(T)
	}
}
