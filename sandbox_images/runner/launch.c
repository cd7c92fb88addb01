/* Forks a run's process and locks it in without a line of Python on the way.
 *
 * After a fork each page of the interpreter that is touched is copied, on both sides: by the time Python has received a
 * message, forked and set the limits, that costs more than most tests. Loaded by launch.py, which does the same in Python
 * where this is not compiled.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FDS = 8, APART = 100, STRINGS = 256 };

/* What precedes the text of a run's message; launch.py packs it. Then come the strings, each with its NUL: the box, and
 * for an exec the path (empty: the last descriptor), argv, environment. */
struct run {
    int32_t uid; /* -1: keep the user */
    int32_t exec, cpu_s, processes; /* exec: 1, or 2 where the program keeps the descriptor after stderr */
    int64_t file_bytes;
    int32_t argc, envc;
};

struct report {
    int32_t status;
    double cpu_s;
    int64_t peak_kb;
    double ended_at; /* here and not when the supervisor hears of it: which of two ended first may decide */
} __attribute__((packed));

/* The next message and its descriptors; its length, 0 at the end of the stream. */
static ssize_t receive(int link, char *text, size_t size, int *fds, int *count) {
    char control[CMSG_SPACE(FDS * sizeof(int))];
    struct iovec part = {text, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length;
    while ((length = recvmsg(link, &message, 0)) < 0 && errno == EINTR) {}
    *count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            *count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(fds, CMSG_DATA(c), *count * sizeof(int));
        }
    return length < 0 ? 0 : length;
}

static void refuse(int err, const char *what) {
    dprintf(err, "sandbox start failed: %s: %s", what, strerror(errno));
    _exit(125);
}

static void limit(int err, int resource, rlim_t value) {
    struct rlimit both = {value, value};
    if (setrlimit(resource, &both)) refuse(err, "setrlimit");
}

/* Own session, limits, user and box; the descriptors from 0 on, those after the kept ones closed on exec. */
static void lock_in(const struct run *run, const char *box, const int *fds, int count, int shares_memory) {
    int err = fds[2], kept = run->exec == 2 ? 4 : 3;
    if (setsid() < 0) refuse(err, "setsid");
    limit(err, RLIMIT_CPU, run->cpu_s);
    limit(err, RLIMIT_FSIZE, run->file_bytes);
    if (run->uid >= 0) {
        limit(err, RLIMIT_NPROC, run->processes);
        if (setresgid(run->uid, run->uid, run->uid)) refuse(err, "setresgid");
        if (setresuid(run->uid, run->uid, run->uid)) refuse(err, "setresuid");
        /* With shared memory this would open the template's too; exec does it there. */
        if (!shares_memory) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* nobody outlives the template */
    if (chdir(box)) refuse(err, "chdir");
    for (int i = 0; i < count; i++)
        if (dup3(fds[i], APART + i, O_CLOEXEC) < 0) refuse(err, "dup3");
    for (int i = 0; i < count; i++)
        if (dup3(APART + i, i, 0) < 0 || (i >= kept && fcntl(i, F_SETFD, FD_CLOEXEC) < 0)) refuse(APART + 2, "dup3");
    if (syscall(SYS_close_range, count, ~0U, 0))
        for (int fd = count; fd < 1024; fd++) close(fd);
}

/* For a zygote: fork on each message; returns in the child, with the length of the text and the descriptors. */
long launch_program(int link, char *text, size_t size, int *fds, int *count) {
    signal(SIGCHLD, SIG_IGN); /* the kernel reaps them */
    for (;;) {
        ssize_t length = receive(link, text, size, fds, count);
        if (length == 0) _exit(0);
        pid_t pid = fork();
        if (pid == 0) {
            close(link);
            prctl(PR_SET_NAME, "ocr-template", 0, 0, 0);
            return length;
        }
        if (pid < 0) dprintf(fds[0], "fault: fork: %s", strerror(errno)); /* or it would pass for a crash of the compiler */
        for (int i = 0; i < *count; i++) close(fds[i]);
    }
}

/* For a template: one child a message, waited for and reported on the link. Returns in the child of a run that is no exec,
 * locked in, with the length of the text, which is moved to the start of the message. */
long launch_run(int link, char *message, size_t size) {
    signal(SIGCHLD, SIG_DFL);
    for (;;) {
        int fds[FDS], count;
        ssize_t length = receive(link, message, size, fds, &count);
        if (length == 0) _exit(0);
        const struct run *run = (const struct run *)message;
        char *strings[STRINGS], *next = message + sizeof *run, *end = message + length;
        int wanted = run->exec ? 2 + run->argc + run->envc : 1, found = 0;
        while (found < wanted && found < STRINGS - 3 && next < end && memchr(next, 0, end - next)) {
            strings[found++] = next;
            next += strlen(next) + 1;
        }
        if (found != wanted || count < 3) _exit(1); /* the supervisor sees the link close */
        pid_t pid;
        if (run->exec) {
            char **argv = strings + 2, *env[STRINGS];
            memcpy(env, argv + run->argc, run->envc * sizeof *env);
            env[run->envc] = argv[run->argc] = NULL;
            pid = vfork(); /* shares memory and copies nothing; nothing but the calls below happens in it */
            if (pid == 0) {
                lock_in(run, strings[0], fds, count, 1);
                signal(SIGPIPE, SIG_DFL); /* Python ignores it, and an exec passes that on */
                if (strings[1][0]) execve(strings[1], argv, env);
                else fexecve(count - 1, argv, env);
                dprintf(2, "cannot execute: %s", strerror(errno));
                _exit(126);
            }
        } else {
            pid = fork();
            if (pid == 0) {
                close(link);
                lock_in(run, strings[0], fds, count, 0);
                memmove(message, next, end - next);
                return end - next;
            }
        }
        for (int i = 0; i < count; i++) close(fds[i]);
        struct rusage used;
        int status;
        if (pid < 0) _exit(1);
        pid_t ended;
        while ((ended = wait4(-1, &status, 0, &used)) != pid) /* who else is our child here is none we made */
            if (ended < 0 && errno != EINTR) _exit(1);
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        struct report report = {
            status,
            used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
            used.ru_maxrss,
            now.tv_sec + now.tv_nsec / 1e9,
        };
        if (send(link, &report, sizeof report, MSG_NOSIGNAL) < 0) _exit(1);
    }
}
