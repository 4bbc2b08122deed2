// Package compartment holds what is known of the compartments of one unikernel
// image: which there are, which system calls each needs, and where control
// enters them. The analysis makes such a Plan from a kraft.yaml and an image;
// what rewrites images turns it into rules and gates.
//
// Two sets of calls are kept for each compartment. Executes are those that its
// own code makes; with a C library in another compartment that is next to
// nothing. Needs are those that may happen on its behalf, through functions of
// other compartments that its code calls. A policy that refuses a call which is
// in Needs breaks the program; one that allows a call outside of it gives an
// attacker more than the program uses.
package compartment

// MaxCompartments is how many compartments a Plan can have: the origin tag of an
// image has one bit for each.
const MaxCompartments = 32

// An ID is the number of a compartment: its position in kraft.yaml, from 0.
type ID uint8

// Calls is a set of system calls by their x86-64 numbers, which Unikraft shares
// with Linux: call n is bit n%64 of word n/64.
type Calls [8]uint64

// Has reports whether call n is in the set. No number outside of 0..511 is.
func (c *Calls) Has(n int) bool {
	return uint(n) < 512 && c[n/64]&(1<<(n%64)) != 0
}

// Add puts call n, 0..511, into the set.
func (c *Calls) Add(n int) { c[n/64] |= 1 << (n % 64) }

// A Compartment is a part of the image whose code runs under rules of its own.
type Compartment struct {
	Name        string
	Default     bool  // takes all code that nothing assigns
	Transparent bool  // adds no rules of its own to a chain of calls: a C library
	Executes    Calls // calls that its own code makes
	Needs       Calls // calls that may happen on its behalf
}

// A Gate is a function where control may come into a compartment from another:
// others call it, jump to it, or can see its address.
type Gate struct {
	Func string // symbol
	Addr uint64 // virtual
	Size uint64 // bytes
	To   ID

	Inside bool // no function, but a place within one to which others jump or call directly: there can be no gate
}

// An Entry is a function of the image that makes a system call: one of Unikraft's
// uk_syscall_{r,e}_X, the body of one that stands as a function of its own, or a function that has one inlined.
type Entry struct {
	Func   string
	Addr   uint64
	Size   uint64
	Number int
	Errno  bool // sets errno and returns -1 (e_), instead of returning -errno
	Body   bool // a body, or a part of one: its arguments and result may be passed in ways of the compiler's own
	Inline bool // no entry, but a function that has a body inlined (opendir: open): its result is none of the call
}

// A Plan is what there is to know of an image's compartments.
type Plan struct {
	Compartments []Compartment // by ID
	Gates        []Gate        // sorted by Addr
	Entries      []Entry       // sorted by Addr

	// Of an image that is one compartment by itself, a virtual machine (FlexOS's vmept): Compartments has it alone.
	Alone   bool
	Exports []Gate   // functions that other images have it call; sorted by Addr
	Servers []Server // sorted by Addr
}

// A Server is an instruction that calls what another image asks for.
type Server struct {
	Func string // that it is in
	Addr uint64 // of the instruction
	Size uint64 // bytes from there to the end of the function
	Reg  uint8  // register that has the address of what is called, as the hardware numbers them; NoReg if there is none
}

// NoReg in Server.Reg says that the address is read from memory in the call itself.
const NoReg = 255
