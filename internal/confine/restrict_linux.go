//go:build linux

package confine

import (
	"errors"
	"fmt"
	"os"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// needed are the system calls of a computation: memory, threads, waiting, and
// the open pipes. None of them opens, connects or executes anything.
var needed = []string{
	"read", "write", "readv", "writev", "close", "fstat", "lseek",
	"mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "mincore",
	"futex", "futex_time64", "sched_yield", "sched_getaffinity", "nanosleep", "clock_nanosleep", "clock_gettime", "clock_gettime64",
	"exit", "exit_group", "set_robust_list", "set_tid_address", "rseq", "membarrier", "arch_prctl",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack", "getpid", "gettid", "restart_syscall",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "pipe2", "poll", "ppoll", "select", "pselect6",
	"timer_create", "timer_settime", "timer_delete", "setitimer", "getrandom", "getrlimit", "uname", "gettimeofday",
	"getuid", "geteuid", "getgid", "getegid",
}

// restrict gives up the file system and the network, where the kernel can, and
// all system calls but the needed ones. A kernel without seccomp is refused: a
// computation is no reason to trust what computes it.
func restrict() error {
	// Seccomp forbids to open files already; this holds even if it is got round.
	if err := landlock.V7.BestEffort().Restrict(); err != nil {
		return fmt.Errorf("cannot give up the file system: %w", err)
	}
	if !seccomp.Supported() {
		return errors.New("this kernel has no seccomp")
	}
	policy, err := policy()
	if err != nil {
		return fmt.Errorf("cannot give up system calls: %w", err)
	}
	if err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy}); err != nil {
		return fmt.Errorf("cannot give up system calls: %w", err)
	}
	return nil
}

// fcntl allows one of its commands. Others choose a process to be signalled when
// a pipe can be read, and the signal.
func fcntl(command uint64) seccomp.NameWithConditions {
	return seccomp.NameWithConditions{Name: "fcntl", Conditions: seccomp.ArgumentConditions{{Argument: 1, Operation: seccomp.Equal, Value: command}}}
}

// policy allows what is needed: threads, but no processes, and signals to this
// process only.
func policy() (seccomp.Policy, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return seccomp.Policy{}, err
	}
	allowed := seccomp.SyscallGroup{Action: seccomp.ActionAllow, NamesWithCondtions: []seccomp.NameWithConditions{
		{Name: "clone", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD}}},
		fcntl(unix.F_GETFD), fcntl(unix.F_SETFD), fcntl(unix.F_GETFL), fcntl(unix.F_SETFL), fcntl(unix.F_DUPFD_CLOEXEC),
		{Name: "tgkill", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.Equal, Value: uint64(os.Getpid())}}},
	}}
	for _, name := range needed {
		if _, ok := info.SyscallNames[name]; ok {
			allowed.Names = append(allowed.Names, name)
		}
	}
	return seccomp.Policy{DefaultAction: seccomp.ActionErrno, Syscalls: []seccomp.SyscallGroup{
		// The C library then falls back to clone, whose flags can be seen.
		{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}},
		allowed,
	}}, nil
}
