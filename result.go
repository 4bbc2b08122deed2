package gofind

// Result is the answer of a scan, and the gofind.scan/v1 JSON document (see
// docs/json.md). All slices are sorted and never nil, so that equal inputs give equal bytes.
type Result struct {
	Schema      string       `json:"schema"` // "gofind.scan/v1"
	Program     string       `json:"program"`
	Named       string       `json:"named,omitempty"` // path by which it was asked for, if that is a link with another name
	SHA256      string       `json:"sha256"`
	BuildID     string       `json:"build_id,omitempty"`
	Since       string       `json:"since"` // "exec" (whole life) or "main"
	Complete    bool         `json:"complete"`
	Images      []Image      `json:"images"`
	Syscalls    []Syscall    `json:"syscalls"`
	Unresolved  []Unresolved `json:"unresolved"`
	Dlopen      []Dlopen     `json:"dlopen"`
	Exec        []Exec       `json:"exec"`
	Notes       []Note       `json:"notes"`
	Assumptions []Assumption `json:"assumptions"`
	Inputs      []Input      `json:"inputs"`
	Stats       Stats        `json:"stats"`
}

// Image is one file of the process.
type Image struct {
	Path    string `json:"path"`
	Soname  string `json:"soname,omitempty"`
	SHA256  string `json:"sha256"`
	BuildID string `json:"build_id,omitempty"`
	Origin  string `json:"origin"` // program, loader, needed, preload, audit, module, dlopen
	Why     string `json:"why,omitempty"`
}

// Syscall is one call that the program can make.
type Syscall struct {
	Name   string      `json:"name"`
	Number int         `json:"number"`
	ABI    string      `json:"abi"` // x86_64, i386 or x32
	Sites  []Site      `json:"sites"`
	Via    []Step      `json:"via"`            // a shortest chain of functions from a root to a site of the strongest origin
	Args   []ArgValues `json:"args,omitempty"` // with Options.Arguments: arguments whose values are known, by index
}

// ArgValues are the values that an argument of a call can have, wherever it is made.
type ArgValues struct {
	Index  int      `json:"index"`  // from 0
	Name   string   `json:"name"`   // as the kernel declares it
	Width  int      `json:"width"`  // how many bits of the register the kernel looks at, from the lowest on: 16, 32 or 64
	Values []uint64 `json:"values"` // cut to that, sorted; 1 to 32
}

// Step is one function of a chain that leads to a call.
type Step struct {
	Image    string `json:"image"`
	Address  string `json:"address"`
	Function string `json:"function"`
	How      string `json:"how"` // how the function before comes to it; for the first, why it runs
}

// Site is one place that makes a call.
type Site struct {
	Image    string `json:"image"`
	Address  string `json:"address"` // "0x1234", in the file's own addresses; "" for calls that the kernel implies
	Function string `json:"function"`
	Origin   string `json:"origin"` // program, loader, libc-start, dlopen, kernel, vdso
}

// Unresolved is something that the analysis could not decide and that may hide calls.
type Unresolved struct {
	Kind     string `json:"kind"` // number, indirect-jump, undecodable, no-syscalls, ...
	Image    string `json:"image"`
	Address  string `json:"address"`
	Function string `json:"function"`
	Effect   string `json:"effect"` // a sentence: what it means for the answer
	Open     bool   `json:"open"`   // true: the set may be larger than reported, so complete is false
}

// Dlopen is a file that the program may load at run time, or a way of loading that could not be followed.
type Dlopen struct {
	What   string   `json:"what"`  // path, or a pattern, or "unknown"
	Kind   string   `json:"kind"`  // constant, nss, gconv, pam, openssl, libgcc_s, module, unknown
	Found  bool     `json:"found"` // the file was found and analysed
	Why    string   `json:"why"`
	Images []string `json:"images"`
}

// Exec is a reachable execve or execveat.
type Exec struct {
	Call    string   `json:"call"`
	Paths   []string `json:"paths"` // constant paths that are known
	Unknown bool     `json:"unknown"`
	Self    bool     `json:"self"` // re-executes itself (/proc/self/exe)
}

// Note is a fact that a reader must know and that adds no unnamed call.
type Note struct {
	Kind   string `json:"kind"` // jit, wx-segment, io_uring, dlsym, ...
	Image  string `json:"image,omitempty"`
	Detail string `json:"detail"`
}

// Assumption is a condition under which the answer holds.
type Assumption struct {
	Name   string `json:"name"`
	Detail string `json:"detail"`
	Else   string `json:"else,omitempty"` // what happens where it is not so, for those that Options can switch
}

// Input is a file that was read.
type Input struct {
	Path   string `json:"path"`
	Kind   string `json:"kind"`
	SHA256 string `json:"sha256"`
}

// Stats accounts for the work and for every syscall instruction of the files.
type Stats struct {
	Images       int        `json:"images"`
	Functions    int        `json:"functions"`    // live
	Instructions int        `json:"instructions"` // decoded in live functions
	Sites        SiteTotals `json:"syscall_instructions"`
}

// SiteTotals accounts for every byte sequence of syscall, sysenter and int 0x80 in executable segments.
type SiteTotals struct {
	Live   int `json:"live"`
	Dead   int `json:"dead"`   // on an instruction boundary of code that is not live
	Inside int `json:"inside"` // inside another instruction
	Data   int `json:"data"`   // outside any function
}
