#include <unistd.h>
void early_go(void);
int main(void) {
	early_go();
	for (;;)
		pause();
}
