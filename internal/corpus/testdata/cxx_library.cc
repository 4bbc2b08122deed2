// Classes across images: a derived class of the program handed to a library as its base, one of the library
// made by a factory, an exception thrown in one and caught in the other.
//
// BUILD: g++ -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && g++ -O2 {{-pie|-no-pie}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp get_robust_list
// NOT: quotactl
// UNRESOLVED: none
// TRAP: 9
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

struct error {
	virtual ~error();
};
struct base {
	virtual void f();
	virtual void g();
	virtual ~base();
};
base *make();
void use(base *);

#ifdef LIB
error::~error() { MARK(SYS_get_robust_list); }
void base::f() {}
void base::g() { MARK(SYS_keyctl); }
base::~base() {}
struct local : base {
	void f() override { MARK(SYS_request_key); throw error(); }
};
struct never : base {
	void f() override { MARK(SYS_quotactl); }
};
base *make() { return new local; }
void use(base *b) { b->f(); b->g(); }
#else
struct derived : base {
	void f() override { MARK(SYS_ioprio_get); }
};
int main()
{
	derived d;
	use(&d);
	base *b = make();
	try {
		b->f();
	} catch (const error &) {
		MARK(SYS_kcmp);
	}
	delete b;
	return 0;
}
#endif
