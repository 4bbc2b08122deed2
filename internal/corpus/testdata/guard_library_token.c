// Names that have the loader ask where the executable is: in the program's list of libraries, in its search path,
// and in what it opens itself.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so -Wl,-soname,'$ORIGIN/libx.so' && gcc -O2 -DNEEDED {{src}} {{dir}}/libx.so -o {{out}}
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -DNEEDED {{src}} -L{{dir}} -l:libx.so -Wl,-{{-enable-new-dtags|-disable-new-dtags}},-rpath,'$ORIGIN' -o {{out}}
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{src}} -o {{out}}
// WANT: readlink
#ifdef LIB
int answer(void) { return 42; }
#elif defined NEEDED
int answer(void);
int main(void) { return answer() != 42; }
#else
#include <dlfcn.h>
int main(void) { return !dlopen("$ORIGIN/libx.so", RTLD_NOW); }
#endif
