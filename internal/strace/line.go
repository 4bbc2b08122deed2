package strace

import (
	"strconv"
	"strings"
)

// kind says what a line of a log is.
type kind uint8

const (
	kindOther      kind = iota // of no interest: signals, notes
	kindCall                   // a whole call
	kindUnfinished             // the beginning of a call
	kindResumed                // the end of one
	kindExited                 // the thread is gone
	kindSuperseded             // it is gone because another thread of its process executed a program
	kindMode                   // the calls that follow are of another ABI
	kindAttached               // a thread appears
	kindFrame                  // a frame of the stack of the call before
	kindBad                    // not understood
)

// line is what one line says.
type line struct {
	kind   kind
	pid    int    // 0 if the line does not say
	number int    // of the call, -1 if the line does not say
	name   string // of the call
	args   string // what stands between the parentheses, as far as it is there
	ret    string // what stands behind " = ": "0", "-1", "?", "0x7f...", "" if there is none
	other  int    // superseded: by which thread
	mode   string // "64", "32", "x32"

	image, function string // of a frame
	offset          uint64
}

// attached begins the note about a new thread. Without -o it can stand in the middle
// of a line, which then goes on in the next one.
const attached = "strace: Process "

// interrupted returns where in a line the note about a new thread begins, 0 if nowhere
// or at the start.
func interrupted(s string) int {
	if i := strings.Index(s, attached); i > 0 && strings.HasSuffix(s, " attached") {
		return i
	}
	return 0
}

// parse reads one line.
func parse(s string) line {
	l := line{number: -1}
	if rest, ok := strings.CutPrefix(s, " > "); ok {
		l.frame(rest)
		return l
	}
	s = l.prefix(s)
	switch {
	case s == "":
	case strings.HasPrefix(s, "--- "):
	case strings.HasPrefix(s, "+++ superseded by execve in pid "):
		l.other, _ = leadingNumber(s[len("+++ superseded by execve in pid "):])
		l.kind = kindSuperseded
	case strings.HasPrefix(s, "+++ exited"), strings.HasPrefix(s, "+++ killed"):
		l.kind = kindExited
	case strings.HasPrefix(s, "[ Process PID="):
		var n int
		l.pid, n = leadingNumber(s[len("[ Process PID="):])
		rest, ok := strings.CutPrefix(s[len("[ Process PID=")+n:], " runs in ")
		mode, _, found := strings.Cut(rest, " ")
		if l.kind = kindMode; !ok || !found {
			l.kind = kindBad
		}
		l.mode = mode
	case strings.HasPrefix(s, attached):
		if l.pid, _ = leadingNumber(s[len(attached):]); l.pid > 0 {
			l.kind = kindAttached
		}
	case strings.HasPrefix(s, "strace: "), strings.HasPrefix(s, "[ "), strings.HasPrefix(s, "Process "), strings.HasPrefix(s, "+++ "):
	case strings.HasPrefix(s, "<... "):
		l.resumed(s[len("<... "):])
	default:
		l.call(s)
	}
	return l
}

// prefix takes off what strace prints before a call: the thread (-f), a time (-t,
// -r), the number of the call (-n) and the instruction pointer (-i).
func (l *line) prefix(s string) string {
	if rest, ok := strings.CutPrefix(s, "[pid"); ok {
		rest = strings.TrimLeft(rest, " ")
		pid, n := leadingNumber(rest)
		if _, after, ok := strings.Cut(rest[n:], "] "); ok && n > 0 {
			l.pid, s = pid, after
		}
	} else if pid, n := leadingNumber(s); n > 0 && n < len(s) {
		rest := s[n:]
		if rest[0] == '<' { // the name of the command
			if _, after, ok := strings.Cut(rest, ">"); ok {
				rest = after
			}
		}
		if strings.HasPrefix(rest, " ") {
			l.pid, s = pid, rest
		}
	}
	s = strings.TrimLeft(s, " ")
	for range 2 { // -t -r
		token, rest, ok := strings.Cut(s, " ")
		if strings.HasPrefix(s, "(+") {
			if _, after, closed := strings.Cut(s, ") "); closed {
				s = strings.TrimLeft(after, " ")
			}
			continue
		}
		if !ok || token == "" || !strings.ContainsAny(token, ":.") || strings.Trim(token, "0123456789:.") != "" {
			break
		}
		s = strings.TrimLeft(rest, " ")
	}
	for strings.HasPrefix(s, "[") && !strings.HasPrefix(s, "[ Process") {
		inner, rest, ok := strings.Cut(s[1:], "] ")
		inner = strings.TrimLeft(inner, " ")
		if !ok || inner == "" || strings.Trim(inner, "0123456789abcdef?") != "" {
			break
		}
		if len(inner) != 16 && len(inner) != 8 {
			if n, err := strconv.Atoi(inner); err == nil {
				l.number = n
			}
		}
		s = strings.TrimLeft(rest, " ")
	}
	return s
}

// call reads "name(args) = ret".
func (l *line) call(s string) {
	name, rest, ok := strings.Cut(s, "(")
	if !ok || !isName(name) {
		l.kind = kindBad
		return
	}
	l.name = name
	if name == "???" { // the thread was killed before strace could look at it
		return
	}
	l.kind = kindCall
	if args, ok := strings.CutSuffix(rest, "<unfinished ...>"); ok {
		l.kind, l.args = kindUnfinished, args
		return
	}
	l.result(rest)
}

// resumed reads "name resumed>args) = ret".
func (l *line) resumed(s string) {
	name, rest, ok := strings.Cut(s, " resumed>")
	if !ok || !isName(name) {
		l.kind = kindBad
		return
	}
	l.kind, l.name = kindResumed, name
	if name == "???" {
		l.kind = kindOther
		return
	}
	l.result(rest)
}

// result splits "args) = ret (explanation) <time>".
func (l *line) result(s string) {
	i := strings.LastIndex(s, " = ")
	if i < 0 {
		l.args = s
		return
	}
	l.args = strings.TrimSuffix(strings.TrimRight(s[:i], " "), ")")
	l.ret, _, _ = strings.Cut(s[i+3:], " ")
}

// frame reads "image(function+0x12) [0x345]", or "image() [0x345]" without a name.
func (l *line) frame(s string) {
	i := strings.LastIndex(s, " [0x")
	j := strings.LastIndexByte(s[:max(i, 0)], '(')
	if i < 0 || j < 0 || !strings.HasSuffix(s, "]") {
		return // "unexpected_backtracing_error" and the like
	}
	offset, err := strconv.ParseUint(s[i+4:len(s)-1], 16, 64)
	if err != nil {
		return
	}
	name, _, _ := strings.Cut(strings.TrimSuffix(s[j+1:i], ")"), "+0x")
	l.kind, l.image, l.function, l.offset = kindFrame, s[:j], name, offset
}

// isName reports whether s can be the name of a call.
func isName(s string) bool {
	return s != "" && (s == "???" || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "")
}

// leadingNumber reads the decimal number that s begins with, of up to 9 digits, and its length.
func leadingNumber(s string) (v, n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' && n < 9 {
		v = v*10 + int(s[n]-'0')
		n++
	}
	return v, n
}

// quoted reads the string in quotes that s begins with. It is false if there is none,
// or if the log has only the beginning of it.
func quoted(s string) (string, bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), !strings.HasPrefix(s[i+1:], "...")
		case c != '\\':
			b.WriteByte(c)
		case i+1 == len(s):
			return "", false
		default:
			i++
			switch c := s[i]; c {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			case 'v':
				b.WriteByte('\v')
			case 'f':
				b.WriteByte('\f')
			case 'x':
				v, err := strconv.ParseUint(s[i+1:min(i+3, len(s))], 16, 8)
				if err != nil {
					return "", false
				}
				b.WriteByte(byte(v))
				i += 2
			case '0', '1', '2', '3', '4', '5', '6', '7':
				v, n := 0, 0
				for n < 3 && i+n < len(s) && s[i+n] >= '0' && s[i+n] <= '7' {
					v = v*8 + int(s[i+n]-'0')
					n++
				}
				b.WriteByte(byte(v))
				i += n - 1
			default:
				b.WriteByte(c)
			}
		}
	}
	return "", false
}
