// A list that a library walks: it hands the program the list_head inside each object, and the program goes
// back to the start of it. The link lies 32-byte aligned.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{-pie|-no-pie}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key ioprio_get
// UNRESOLVED: none
// TRAP: 1
#include <stddef.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

struct list { struct list *next, *prev; };
void list_add(struct list *head, struct list *l);
void list_each(struct list *head, void (*f)(struct list *));

#ifdef LIB
void list_add(struct list *head, struct list *l)
{
	l->next = head->next, l->prev = head;
	head->next->prev = l, head->next = l;
}
void list_each(struct list *head, void (*f)(struct list *))
{
	for (struct list *l = head->next; l != head; l = l->next)
		f(l);
}
#else
struct device { void (*probe)(void); const char *name; long pad[2]; struct list link; };
static void f0(void) { MARK(SYS_keyctl); }
static void f1(void) { MARK(SYS_request_key); }
static void f2(void) { MARK(SYS_ioprio_get); }

static struct list head = {&head, &head};
static struct device one __attribute__((aligned(32))) = {f0, "one"};
static struct device two __attribute__((aligned(32))) = {f1, "two"};
static struct device three __attribute__((aligned(32))) = {f2, "three"};
static struct list *const links[] = {&one.link, &two.link, &three.link};

static void probe(struct list *l)
{
	struct device *d = (struct device *)((char *)l - offsetof(struct device, link));
	d->probe();
}

int main(int argc, char **argv)
{
	for (int i = 0; i < 2 + argc; i++)
		list_add(&head, links[i]);
	list_each(&head, probe);
	return 0;
}
#endif
