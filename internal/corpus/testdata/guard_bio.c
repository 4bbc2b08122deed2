// BIOs of libcrypto that have a connection: made by a call, by a function that is looked up, by one of libcrypto that makes them.
//
// BUILD: gcc -O2 -D{{CALL|FOUND|MADE}} {{src}} /usr/lib/x86_64-linux-gnu/libcrypto.so.3 -o {{out}}
// ELSEWHERE: shutdown sendmsg recvmsg accept recvfrom
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

typedef struct bio BIO;
typedef struct method METHOD;
BIO *BIO_new(const METHOD *), *BIO_new_connect(const char *), *BIO_new_accept(const char *), *BIO_new_dgram(int, int);
const METHOD *BIO_s_connect(void), *BIO_s_accept(void), *BIO_s_datagram(void);
int BIO_free(BIO *);

int main(void)
{
#ifdef MADE
	BIO_free(BIO_new_connect("x"));
	BIO_free(BIO_new_accept("x"));
	BIO_free(BIO_new_dgram(-1, 0));
#else
	const METHOD *(*volatile f[3])(void) = {
#ifdef CALL
		BIO_s_connect, BIO_s_accept, BIO_s_datagram
#endif
	};
#ifdef FOUND
	f[0] = dlsym(RTLD_DEFAULT, "BIO_s_connect");
	f[1] = dlsym(RTLD_DEFAULT, "BIO_s_accept");
	f[2] = dlsym(RTLD_DEFAULT, "BIO_s_datagram");
#endif
	for (int i = 0; i < 3; i++)
		BIO_free(BIO_new(f[i]()));
#endif
	return 0;
}
