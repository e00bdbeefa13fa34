"""Takes the network from this process, for good. Knows nothing of who would use it.

Linux only: a seccomp filter makes the call `socket` fail with EACCES, for this thread and all that it starts later.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2  # linux/prctl.h, linux/seccomp.h
SOCKET_CALLS = {"x86_64": 41, "aarch64": 198}  # number of the call by machine: asm/unistd.h
ALLOW, REFUSE = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def close_network() -> None:
    """
    Raises:
        OSError: this system cannot; nothing has changed then.
    """
    call = SOCKET_CALLS.get(platform.machine())
    if platform.system() != "Linux" or call is None:
        raise OSError(errno.ENOSYS, f"no way to close the network on {platform.system()} {platform.machine()}")
    steps = [(LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, call), (RETURN, 0, 0, REFUSE | errno.EACCES), (RETURN, 0, 0, ALLOW)]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    libc = ctypes.CDLL(None, use_errno=True)
    nothing = ctypes.c_ulong(0)
    for words in (
        (PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), nothing),
        (PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(_Program(len(steps), code))),
    ):
        if libc.prctl(*words, nothing, nothing):
            number = ctypes.get_errno()
            raise OSError(number, "the system does not let a program give up its network")
