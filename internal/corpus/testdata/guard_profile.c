// A configuration file of Kerberos that is written: it was changed, or the program has it written elsewhere, by a call, through a
// pointer, by a function that is looked up.
//
// BUILD: gcc -O2 -D{{UPDATE|CLEAR|RENAME|ADD|TO_FILE}} -D{{CALL|POINTER|FOUND}} {{src}} /usr/lib/x86_64-linux-gnu/libkrb5.so.3 -o {{out}}
// WANT: link
// ELSEWHERE: sync
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct profile *profile_t;
long profile_init_path(const char *, profile_t *), profile_flush(profile_t);
void profile_abandon(profile_t);
long profile_update_relation(profile_t, const char **, const char *, const char *), profile_clear_relation(profile_t, const char **);
long profile_rename_section(profile_t, const char **, const char *), profile_add_relation(profile_t, const char **, const char *);
long profile_flush_to_file(profile_t, const char *);

#ifdef CALL
#define DO(f) f
#elif defined POINTER
static void *volatile pointer;
#define DO(f) ((__typeof__(&f))(pointer = f))
#else
#define DO(f) ((__typeof__(&f))dlsym(RTLD_DEFAULT, #f))
#endif

int main(void)
{
	char dir[] = "/tmp/guardXXXXXX", file[64], other[64], bak[80];
	const char *a[] = {"a", "b", NULL}, *section[] = {"a", "s", NULL};
	profile_t p;
	if (!mkdtemp(dir))
		return 1;
	sprintf(file, "%s/f", dir);
	sprintf(other, "%s/g", dir);
	FILE *f = fopen(file, "w");
	fputs("[a]\n\tb = c\n\ts = {\n\t\td = e\n\t}\n", f);
	fclose(f);
	if (profile_init_path(file, &p))
		return 2;
	long r;
#ifdef UPDATE
	r = DO(profile_update_relation)(p, a, "c", "x");
#elif defined CLEAR
	r = DO(profile_clear_relation)(p, a);
#elif defined RENAME
	r = DO(profile_rename_section)(p, section, "t");
#elif defined ADD
	r = DO(profile_add_relation)(p, a, "y");
#else
	r = DO(profile_flush_to_file)(p, other);
#endif
	if (r || profile_flush(p))
		return 3;
	profile_abandon(p);
	sprintf(bak, "%s.bak", file);
	unlink(bak);
	unlink(file);
	unlink(other);
	return rmdir(dir) ? 4 : 0;
}
