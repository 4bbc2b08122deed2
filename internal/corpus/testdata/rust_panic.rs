// A call in a closure behind a trait object, in a drop that a panic runs while it unwinds, after
// catch_unwind, and in a panic hook.
//
// BUILD: rustc -O {{src}} -o {{out}}
// BUILD: rustc -O -C target-feature=+crt-static {{src}} -o {{out}}
// BUILD: rustc {{src}} -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp
// NOT: quotactl
// PITFALL: 3
// TRAP: 9
use std::arch::asm;

macro_rules! mark {
    ($n:expr) => {
        unsafe {
            let mut _r: i64 = $n;
            asm!("syscall", inout("rax") _r, in("rdi") -1i64, in("rsi") -1i64, in("rdx") 0i64,
                 out("rcx") _, out("r11") _);
        }
    };
}

struct Guard;
impl Drop for Guard {
    fn drop(&mut self) {
        mark!(250); // keyctl
    }
}

trait Call {
    fn call(&self);
}
struct One;
impl Call for One {
    fn call(&self) {
        mark!(252); // ioprio_get
    }
}

#[inline(never)]
fn unwinds(n: usize) {
    let _g = Guard;
    let v = vec![1, 2, 3];
    println!("{}", v[n + 10]);
}

fn main() {
    std::panic::set_hook(Box::new(|_| mark!(312))); // kcmp
    let n = std::env::args().count();
    if std::panic::catch_unwind(|| unwinds(n)).is_err() {
        mark!(249); // request_key
    }
    let all: Vec<Box<dyn Call>> = vec![Box::new(One)];
    for c in &all {
        c.call();
    }
}
