"""A system-call filter (seccomp-BPF): what is not in the table fails with EPERM.

An allow-list, so that a call the kernel gains tomorrow is denied. It permits computing, threads, and traffic on
connections that are open already; no new socket, no program, no child process, no file opened for writing, no
look into other processes. It covers all threads at once (SECCOMP_FILTER_FLAG_TSYNC).
"""

import ctypes
import errno
import os
import platform
import struct

from ppc.runtime.tee import libc

_SECCOMP, _SET_MODE_FILTER, _GET_ACTION_AVAIL, _TSYNC = 317, 1, 2, 1
_KILL, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_AUDIT_ARCH_X86_64 = 0xC000003E
_X32_BIT = 0x40000000  # the x32 table has other numbers
_LOAD, _AND, _JUMP_EQ, _JUMP_GE, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06  # BPF opcodes
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16  # offsets in struct seccomp_data

#: System calls of x86-64 that are always allowed, by purpose.
ALLOWED: dict[str, dict[str, int]] = {
    "memory": dict(mmap=9, mprotect=10, munmap=11, brk=12, mremap=25, mincore=27, madvise=28, munlock=150)
    | dict(mlock=149, mlock2=325, get_mempolicy=239, memfd_secret=447),
    "threads": dict(futex=202, futex_waitv=449, set_robust_list=273, get_robust_list=274, rseq=334, exit=60)
    | dict(exit_group=231, gettid=186, set_tid_address=218, sched_yield=24, sched_getaffinity=204, getcpu=309)
    | dict(sched_getparam=143, sched_getscheduler=145, arch_prctl=158, membarrier=324),
    "signals": dict(rt_sigaction=13, rt_sigprocmask=14, rt_sigreturn=15, rt_sigpending=127, rt_sigtimedwait=128)
    | dict(rt_sigsuspend=130, sigaltstack=131, restart_syscall=219, pause=34),
    "time": dict(nanosleep=35, clock_nanosleep=230, clock_gettime=228, clock_getres=229, gettimeofday=96, time=201)
    | dict(times=100, timerfd_create=283, timerfd_settime=286, timerfd_gettime=287, alarm=37, setitimer=38),
    "open descriptors": dict(read=0, write=1, readv=19, writev=20, pread64=17, close=3, close_range=436, lseek=8)
    | dict(fcntl=72, dup=32, dup2=33, dup3=292, fstat=5, poll=7, ppoll=271, select=23, pselect6=270)
    | dict(epoll_create1=291, epoll_ctl=233, epoll_wait=232, epoll_pwait=281, epoll_pwait2=441, eventfd2=290)
    | dict(pipe=22, pipe2=293, getdents64=217, fadvise64=221),
    "connections": dict(sendto=44, recvfrom=45, sendmsg=46, recvmsg=47, sendmmsg=307, recvmmsg=299, shutdown=48)
    | dict(getsockname=51, getpeername=52, setsockopt=54, getsockopt=55),
    "looking at paths": dict(stat=4, lstat=6, newfstatat=262, statx=332, access=21, faccessat=269, faccessat2=439)
    | dict(readlink=89, readlinkat=267, getcwd=79),
    "who am I": dict(getpid=39, getppid=110, getuid=102, geteuid=107, getgid=104, getegid=108, getrandom=318)
    | dict(uname=63, getrusage=98, getrlimit=97, sysinfo=99, capget=125),
}

_AF_UNIX, _CLONE_THREAD, _PR_SET_NAME, _NO_WRITE = 1, 0x10000, 15, os.O_ACCMODE | os.O_CREAT | os.O_TRUNC
_WHOLE = 0xFFFFFFFF

#: Allowed where `argument & mask == value`: (number, argument, mask, value). Only low 32 bits are compared.
CONDITIONAL: tuple[tuple[int, int, int, int], ...] = (
    (2, 1, _NO_WRITE, os.O_RDONLY),  # open
    (257, 2, _NO_WRITE, os.O_RDONLY),  # openat
    (56, 0, _CLONE_THREAD, _CLONE_THREAD),  # clone: threads, not processes
    (53, 0, _WHOLE, _AF_UNIX),  # socketpair within this process (event loops)
    (157, 0, _WHOLE, _PR_SET_NAME),  # prctl
    (302, 0, _WHOLE, 0),  # prlimit64 of this process (the C library reads the stack size)
    *((16, 1, _WHOLE, request) for request in (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)),  # ioctl: is it a
    # terminal, its size, bytes to read, non-blocking, close-on-exec
)

#: Answered ENOSYS, so that the C library falls back to the older call, whose arguments a filter can read.
ABSENT = {"clone3": 435, "openat2": 437}


def available() -> str:
    """The support this kernel has. Raises Unavailable."""
    if platform.machine() != "x86_64":
        raise libc.Unavailable(f"the table of system calls is for x86_64, this is {platform.machine()}")
    try:
        libc.syscall(_SECCOMP, _GET_ACTION_AVAIL, 0, ctypes.byref(ctypes.c_uint32(_ERRNO)))
    except OSError as error:
        raise libc.Unavailable(f"this kernel has no seccomp filters ({error.strerror})") from None
    return "on"


def program(own_pid: int) -> bytes:
    """The filter: instructions of 8 bytes. Signals may go to threads of `own_pid` alone."""
    conditional = (*CONDITIONAL, (234, 0, _WHOLE, own_pid))  # tgkill
    load_number = _instruction(_LOAD, _NUMBER_AT)
    code = [
        _instruction(_LOAD, _ARCH_AT),
        _instruction(_JUMP_EQ, _AUDIT_ARCH_X86_64, 1, 0),
        _instruction(_RETURN, _KILL),
        load_number,
        _instruction(_JUMP_GE, _X32_BIT, 0, 1),
        _instruction(_RETURN, _ERRNO | errno.EPERM),
    ]
    for number in sorted(n for group in ALLOWED.values() for n in group.values()):
        code += [_instruction(_JUMP_EQ, number, 0, 1), _instruction(_RETURN, _ALLOW)]
    for number in ABSENT.values():
        code += [_instruction(_JUMP_EQ, number, 0, 1), _instruction(_RETURN, _ERRNO | errno.ENOSYS)]
    for number, argument, mask, value in conditional:
        code += [
            _instruction(_JUMP_EQ, number, 0, 5),
            _instruction(_LOAD, _ARGUMENTS_AT + 8 * argument),
            _instruction(_AND, mask),
            _instruction(_JUMP_EQ, value, 0, 1),
            _instruction(_RETURN, _ALLOW),
            load_number,
        ]
    code.append(_instruction(_RETURN, _ERRNO | errno.EPERM))
    return b"".join(code)


def _instruction(opcode: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", opcode, if_true, if_false, operand)


def install() -> str:
    """Filter all threads of this process for good. Needs no_new_privs. Raises Unavailable or OSError."""
    available()
    code = program(os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer)))
    stuck = libc.syscall(_SECCOMP, _SET_MODE_FILTER, _TSYNC, ctypes.byref(header))
    if stuck:
        raise OSError(errno.EBUSY, f"thread {stuck} has a filter of its own")
    return "on"
