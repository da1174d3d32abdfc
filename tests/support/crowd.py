"""Strangers: idle connections from one address, then a flood of new ones from many, until killed.

Usage: crowd.py HOST PORT COUNT
Connects from 127.0.0.2 and up, so that a printer at 127.0.0.1 is told apart. Once COUNT connections have been made from
127.0.0.2, prints "ready" and how many of them the server keeps. Then it makes and drops connections at full speed, and writes to
standard error how many there have been so far.
"""

import itertools
import resource
import socket
import sys

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, count + 1000), most))


def connect(last_octet):
    stranger = socket.socket()
    stranger.settimeout(5)
    stranger.bind(("127.0.0.%d" % last_octet, 0))
    stranger.connect((host, port))
    return stranger


def is_kept(stranger):
    """Greeted, and not told to go away."""
    stranger.settimeout(30)
    try:
        return stranger.recv(4096).startswith(b"220 ")
    except OSError:
        return False


idle = [connect(2) for _ in range(count)]
kept = [stranger for stranger in idle if is_kept(stranger)]
print("ready, %d kept" % len(kept), flush=True)
for number in itertools.count(1):
    try:
        stranger = connect(3 + number % 40)
        stranger.sendall(b"HELO flood\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
        stranger.close()
    except OSError:
        pass  # Being turned away is what is asked for.
    if number % 100 == 0:
        print(number, file=sys.stderr, flush=True)
