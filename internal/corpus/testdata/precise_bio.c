// A BIO of libcrypto that is a file: those that have a connection share its neighbourhood in the library's data, and nothing else.
//
// BUILD: gcc -O2 {{src}} /usr/lib/x86_64-linux-gnu/libcrypto.so.3 -o {{out}}
// NOT: shutdown accept recvmsg
#include <stdio.h>

typedef struct bio BIO;
BIO *BIO_new_file(const char *, const char *);
int BIO_free(BIO *);

int main(void)
{
	BIO *b = BIO_new_file("/dev/null", "r");
	return !b || !BIO_free(b);
}
