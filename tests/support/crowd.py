"""Strangers: idle connections from several addresses, and a flood of new ones, until killed.

Usage: crowd.py HOST PORT COUNT
Connects from 127.0.0.2 and up, so that a printer at 127.0.0.1 is told apart. Prints "ready" once COUNT connections
have been made, whether the server keeps them or not; then goes on making and dropping them at full speed.
"""

import itertools
import resource
import socket
import sys

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, count + 1000), most))

idle = []


def connect(number):
    stranger = socket.socket()
    stranger.settimeout(5)
    stranger.bind(("127.0.0.%d" % (2 + number % 40), 0))
    stranger.connect((host, port))
    return stranger


for number in range(count):
    idle.append(connect(number))
print("ready", flush=True)
for number in itertools.count():
    try:
        stranger = connect(number)
        stranger.sendall(b"HELO flood\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
        stranger.close()
    except OSError:
        pass  # Being turned away is what is asked for.
