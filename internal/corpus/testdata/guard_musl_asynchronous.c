// A file that is closed, by close or as a stream, while input from it is under way in another thread.
//
// BUILD: musl-gcc -O2 {{|-static}} {{|-DSTREAM}} {{src}} -o {{out}}
// WANT: tkill rt_sigaction
#include <aio.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	static char text[10];
	static struct aiocb cb = {.aio_buf = text, .aio_nbytes = 4};
	int p[2];
	if (pipe(p))
		return 1;
	cb.aio_fildes = p[0];
	if (aio_read(&cb))
		return 1;
	usleep(20000);
#ifdef STREAM
	return fclose(fdopen(p[0], "r"));
#else
	return close(p[0]);
#endif
}
