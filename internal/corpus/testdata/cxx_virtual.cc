// Calls behind virtual functions, pointers to members, std::function, dynamic_cast, static and
// thread-local constructors and destructors, coroutine-like lambdas kept in a container, and a deleting destructor.
//
// BUILD: g++ -O2 -static {{src}} -o {{out}}
// BUILD: g++ -O{{0|1|2}} -pie {{src}} -o {{out}}
// BUILD: g++ -O2 -fPIE -pie -fno-plt {{src}} -o {{out}}
// BUILD: clang++ -O2 {{src}} -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp get_robust_list add_key sched_getattr io_destroy io_cancel
// NOT: quotactl
// UNRESOLVED: none
#include <functional>
#include <memory>
#include <vector>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")
#define OPAQUE __attribute__((noipa))

struct base {
	virtual void f() = 0;
	virtual ~base() = default;
};
struct one : base {
	void f() override { MARK(SYS_keyctl); }
	~one() override { MARK(SYS_request_key); }
};
struct side {
	virtual void g() { MARK(SYS_ioprio_get); }
	virtual ~side() = default;
};
struct two : one, side {
	void f() override {}
	void g() override { MARK(SYS_kcmp); }
	void member() { MARK(SYS_get_robust_list); }
};
struct unused : base {
	void f() override { MARK(SYS_quotactl); }
};

OPAQUE static base *make(int n) { return n > 1 ? new one : new two; }

static struct global {
	global() { MARK(SYS_add_key); }
	~global() { MARK(SYS_sched_getattr); }
} instance;
static thread_local struct local {
	int n = 0;
	~local() { MARK(SYS_io_destroy); }
} tls;

int main(int argc, char **argv)
{
	std::unique_ptr<base> a(make(argc)), b(make(argc + 1));
	a->f();
	b->f();
	if (side *s = dynamic_cast<side *>(a.get()))
		s->g(), s->side::g();
	void (two::*volatile member)() = &two::member;
	(static_cast<two *>(a.get())->*member)();
	std::vector<std::function<void(int)>> functions;
	functions.push_back([argc](int n) { MARK(SYS_io_cancel); });
	for (auto &f : functions)
		f(argc);
	tls.n++;
	return 0;
}
