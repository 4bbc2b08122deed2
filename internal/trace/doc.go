// Package trace runs a command and says which file made which system call, where,
// and what led there.
//
// # Following
//
// All threads of all processes are followed with ptrace(2), seized
// (PTRACE_SEIZE) so that stops of job control stay what they are. New threads are
// followed from their first instruction (PTRACE_O_TRACECLONE, -FORK, -VFORK), and
// are killed with the tracer (PTRACE_O_EXITKILL). Each stops at the entry and the
// exit of each call; PTRACE_GET_SYSCALL_INFO (Linux 5.3) says which, by which ABI
// and from where. With a filter that answers SECCOMP_RET_TRACE they stop once for each
// call instead, which takes half the time; the filter can be seen by the programs and
// survives execve. A program's own filter comes before ours where it refuses a call,
// so from the moment when a process installs one it stops at entries as well (a call that
// another thread of it makes in that very moment, and that is refused, is not seen).
//
// All stops that are pending are collected before the first is answered, because
// wait4 prefers the threads that it has known for longest: a few busy ones would
// let thousands of others starve.
//
// # Whose call it is
//
// A call belongs to the program of the last execve that succeeded in its process:
// what /proc/PID/exe was then. A process that was made by fork, vfork or clone begins with its
// parent's program. The file is kept open, so that it can be scanned when its name
// means another file, or nothing. A script belongs to its interpreter. A call of execve
// belongs to the program before.
//
// The place of a call is its instruction (two bytes before the address where the
// kernel would return to), found in /proc/PID/maps as a file and an offset in it, and
// with the file's program headers as an address of the file's own.
// Mappings are read again when an address is in none that is known, and after each call that may have mapped code.
//
// # Stacks
//
// A stack is kept as registers and the top 16 KiB of memory, the first time that a
// program makes a call, and unwound only when somebody asks: by .eh_frame (DWARF 5 section 6.4), which
// finds all registers, also through signal handlers; without it by a frame pointer;
// without that, the nearest word on the stack that points behind a call instruction
// is taken, which may be wrong. Each frame says how it was found.
//
// # What is not seen
//
//   - Calls that the vDSO answers, unless it is hidden (NoVDSO), and calls through the vsyscall page unless there is a filter.
//   - The execve that starts the command: its own caller made it.
//   - What a program does that traces others itself (debuggers, strace): ptrace allows one tracer.
//   - Operations of io_uring, which are no calls, and threads made with CLONE_UNTRACED.
//   - In another root or mount namespace, which libraries are there: only the program's file is kept.
//   - Executing setuid programs gives no privileges, as under any tracer without them.
package trace
