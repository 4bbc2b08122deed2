// A coroutine: its frame on the heap holds the addresses of the functions that resume and destroy it.
//
// BUILD: g++ -std=c++20 -O{{0|2}} {{src}} -o {{out}}
// BUILD: clang++ -std=c++20 -O2 {{src}} -o {{out}}
// WANT: keyctl request_key ioprio_get
// NOT: quotactl
// UNRESOLVED: none
#include <coroutine>
#include <exception>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

struct task {
	struct promise_type {
		task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
		std::suspend_always initial_suspend() noexcept { return {}; }
		std::suspend_always final_suspend() noexcept { return {}; }
		void return_void() {}
		void unhandled_exception() { std::terminate(); }
	};
	std::coroutine_handle<promise_type> handle;
};

struct guard {
	~guard() { MARK(SYS_ioprio_get); }
};

__attribute__((noinline)) static task steps()
{
	guard g;
	MARK(SYS_keyctl);
	co_await std::suspend_always{};
	MARK(SYS_request_key);
	co_await std::suspend_always{};
}

__attribute__((used, noinline)) static task never()
{
	MARK(SYS_quotactl);
	co_return;
}

int main()
{
	task t = steps();
	t.handle.resume();
	t.handle.resume();
	t.handle.destroy();
	return 0;
}
