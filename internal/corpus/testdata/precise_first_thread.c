// Without threads nothing ends one: the process ends with exit_group.
//
// BUILD: gcc -O2 {{src}} -o {{out}}
// WANT: exit_group
// NOT: exit
int main(void) { return 0; }
