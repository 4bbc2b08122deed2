// Kinds of BIO in builds of libcrypto in which the compiler made BIO_s_connect part of BIO_new_connect (as it may with
// -fno-semantic-interposition, and clang does), or of a function of another file (LTO), and in which SCTP is switched
// on, so that the file of datagrams has a second kind. This library stands for them.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB -D{{SAME|OTHER|SCTP}} {{src}} -Wl,-soname,libcrypto.so.3 -o {{dir}}/libx.so && gcc -O2 {{src}} {{dir}}/libx.so -Wl,-rpath,{{dir}} -o {{out}} && ln -sf libx.so {{dir}}/libcrypto.so.3
// WANT: shutdown
#include <stdio.h>
#include <sys/socket.h>

#ifdef LIB
typedef struct method { int (*make)(void); int (*end)(int); } METHOD;

static int conn_new(void) { return socket(AF_INET, SOCK_STREAM, 0); }
__attribute__((noipa)) static int conn_free(int fd)
{
#ifdef SCTP
	puts("crypto/bio/bss_dgram.c");
#else
	puts("crypto/bio/bss_conn.c");
#endif
	return shutdown(fd, SHUT_RDWR);
}
static const METHOD table = {conn_new, conn_free};
__attribute__((noipa)) static int make(const METHOD *volatile m) { return m->end(m->make()); }

#ifdef SCTP
const METHOD *BIO_s_datagram_sctp(void) { return &table; }
static const METHOD other = {0, 0};
const METHOD *BIO_s_datagram(void) { return &other; }
__attribute__((noipa)) static int BIO_s(void) { return make(BIO_s_datagram_sctp()); }
int run(void) { return BIO_s(); }
#else
const METHOD *BIO_s_connect(void) { return &table; }
#ifdef SAME
int BIO_new_connect(void) { return make(&table); }
int run(void) { return BIO_new_connect(); }
#else
int run(void) { return make(&table); }
#endif
#endif
#else
int run(void);
int main(void)
{
	run();
	return 0;
}
#endif
