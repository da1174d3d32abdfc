"""Devices that know one way to log in and no other.

Usage: stubborn_device.py KIND HOST PORT ADDRESS USER PASSWORD_FILE
KIND canon takes the first of CRAM-MD5, NTLM, GSSAPI, PLAIN and LOGIN that is offered, and gives up when that one fails
(Color Send Kit). KIND xerox knows AUTH LOGIN, and quits on any prompt but exactly "Username:" and "Password:".
ADDRESS is where it comes from. Prints the mechanism, a tab, and the answer to end of data.
"""

import base64
import hmac
import socket
import sys

kind, host, port, address, user, password_file = sys.argv[1:]
with open(password_file, encoding="utf-8") as file:
    password = file.read().strip()
stream = socket.create_connection((host, int(port)), 60, source_address=(address, 0)).makefile("rwb", buffering=0)


def reply():
    lines = []
    while True:
        line = stream.readline().decode()
        if not line.endswith("\r\n"):
            sys.exit("closed after %r" % line)
        lines.append(line[:-2])
        if line[3:4] != "-":
            return lines


def ask(command, expected):
    stream.write(command.encode() + b"\r\n")
    lines = reply()
    if not lines[-1].startswith(expected):
        stream.write(b"QUIT\r\n")
        sys.exit("%s: %s" % (command, lines[-1]))
    return lines


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def canon(offered):
    mechanism = next(name for name in ("CRAM-MD5", "NTLM", "GSSAPI", "PLAIN", "LOGIN") if name in offered)
    if mechanism == "CRAM-MD5":
        challenge = base64.b64decode(ask("AUTH CRAM-MD5", "334 ")[0][4:])
        digest = hmac.new(password.encode(), challenge, "md5").hexdigest()
        ask(encoded("%s %s" % (user, digest)), "235")
    elif mechanism == "PLAIN":
        ask("AUTH PLAIN", "334 ")
        ask(encoded("\0%s\0%s" % (user, password)), "235")
    else:
        sys.exit("cannot do %s" % mechanism)
    return mechanism


def xerox(offered):
    if "LOGIN" not in offered:
        sys.exit("no LOGIN in %s" % offered)
    if ask("auth login", "334") != ["334 VXNlcm5hbWU6"] or ask(encoded(user), "334") != ["334 UGFzc3dvcmQ6"]:
        stream.write(b"QUIT\r\n")
        sys.exit("another prompt")
    ask(encoded(password), "235")
    return "LOGIN"


reply()
lines = ask("EHLO mfp1", "250")
offered = next((line[9:].split() for line in lines if line[4:9] == "AUTH "), [])
mechanism = {"canon": canon, "xerox": xerox}[kind](offered)
ask("MAIL FROM:<mfp1@contoso.com>", "250")
ask("RCPT TO:<anna@contoso.com>", "250")
ask("DATA", "354")
print("%s\t%s" % (mechanism, ask("Subject: scan\r\n\r\npage\r\n.", "250")[-1]))
ask("QUIT", "221")
