// What a tracer can disturb: interrupted calls, stops of job control, handlers, an
// exit by a signal. Each step says what went wrong by the exit code.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int alarms, chld;
static void on_alarm(int s) { alarms++; }
static void on_chld(int s) { chld++; }

int main(int argc, char **argv) {
	struct sigaction sa;
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = on_alarm;
	sigaction(SIGALRM, &sa, 0);
	struct itimerval it = {{0, 0}, {0, 50000}};
	setitimer(ITIMER_REAL, &it, 0);
	if (pause() != -1 || errno != EINTR || alarms != 1)
		return 1;

	// A call that is restarted after a stop, as restart_syscall.
	int pid = fork();
	if (pid == 0) {
		struct timespec ts = {0, 300000000};
		_exit(nanosleep(&ts, 0) == 0 ? 42 : 43);
	}
	usleep(50000);
	int st;
	kill(pid, SIGSTOP);
	if (waitpid(pid, &st, WUNTRACED) != pid || !WIFSTOPPED(st) || WSTOPSIG(st) != SIGSTOP)
		return 2;
	usleep(50000);
	if (waitpid(pid, &st, WUNTRACED | WNOHANG) != 0) // it stays stopped
		return 3;
	kill(pid, SIGCONT);
	if (waitpid(pid, &st, WCONTINUED) != pid || !WIFCONTINUED(st))
		return 4;
	if (waitpid(pid, &st, 0) != pid || !WIFEXITED(st) || WEXITSTATUS(st) != 42)
		return 5;

	// A child that stops itself, and that a signal ends. (SIGTSTP stops nobody whose
	// process group is orphaned.)
	sa.sa_handler = on_chld;
	sigaction(SIGCHLD, &sa, 0);
	pid = fork();
	if (pid == 0) {
		raise(SIGSTOP);
		raise(SIGTRAP);
		_exit(1);
	}
	int got;
	while ((got = waitpid(pid, &st, WUNTRACED)) == -1 && errno == EINTR)
		;
	if (got != pid || !WIFSTOPPED(st))
		return 6;
	kill(pid, SIGCONT);
	while (waitpid(pid, &st, 0) != pid)
		;
	if (!WIFSIGNALED(st) || WTERMSIG(st) != SIGTRAP || chld == 0)
		return 7;
	raise(SIGUSR1);
	return 8;
}
