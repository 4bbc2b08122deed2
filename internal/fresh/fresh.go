// Package fresh allocates tables that are filled in no order.
//
// Where memory that was never used is read first, the kernel backs its page by the one page of zeros. When it is written to then,
// it is backed again, and all processors that execute the program are interrupted to forget the first page: that takes several
// times as long as to write to it at once. Hash tables look at each of their places before they fill it.
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

// Touch writes zeros to all pages of zeros. What T is should hold no pointers: where garbage is collected meanwhile, a pointer is
// looked at before it is overwritten.
func Touch[T any](s []T) {
	each := max(1, page/int(unsafe.Sizeof(*new(T))))
	for i := 0; i < len(s); i += each {
		s[i] = *new(T)
	}
}
