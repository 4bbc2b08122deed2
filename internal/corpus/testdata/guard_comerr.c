// A program that has libcom_err tell what it does, by a variable that it sets itself: with a name, with an assignment, with a text
// in a table.
//
// BUILD: gcc -O2 -D{{SETENV|PUTENV|TABLE}} {{src}} /usr/lib/x86_64-linux-gnu/libcom_err.so.2 -o {{out}}
// WANT: prctl
#include <stdlib.h>

struct error_table { const char *const *msgs; long base; int n; };
long add_error_table(const struct error_table *);

static const char *const msgs[] = {"none"};
static const struct error_table table = {msgs, 1, 1};
static const char *const variables[] = {"HOME", "COMERR_DEBUG"};

int main(int argc, char **argv)
{
#ifdef SETENV
	setenv("COMERR_DEBUG", "2", 1);
#elif defined PUTENV
	putenv("COMERR_DEBUG=2");
#else
	setenv(variables[argc], "2", 1);
#endif
	return add_error_table(&table);
}
