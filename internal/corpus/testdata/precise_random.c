// Random numbers of libcrypto on a kernel that has getrandom: nothing else is asked for them.
//
// BUILD: gcc -O2 {{src}} /usr/lib/x86_64-linux-gnu/libcrypto.so.3 -o {{out}}
// WANT: getrandom
// NOT: shmget shmat
int RAND_bytes(unsigned char *, int);

int main(void)
{
	unsigned char b[1000];
	return RAND_bytes(b, sizeof b) != 1;
}
