"""Hands one message in as a device of its time would, with tlslite-ng: no code in common with the server.

Usage: old_device.py HOST PORT starttls|implicit ssl3|tls1.0|tls1.1|tls1.2 CIPHER MAC
CIPHER is rc4, 3des, aes128, aes256 or aes128gcm, MAC md5, sha or aead; the key exchange is plain RSA, as it was then.
Prints the agreed version, a tab, the cipher, a tab, and the server's answer to end of data; or "refused", a tab, and why.
"""

import socket
import sys

from tlslite.api import HandshakeSettings, TLSConnection
from tlslite.errors import TLSAbruptCloseError, TLSLocalAlert, TLSRemoteAlert

host, port, transport, version, cipher, mac = sys.argv[1:]
settings = HandshakeSettings()
settings.minVersion = settings.maxVersion = {"ssl3": (3, 0), "tls1.0": (3, 1), "tls1.1": (3, 2), "tls1.2": (3, 3)}[version]
settings.cipherNames = [cipher]
settings.macNames = [mac]
settings.keyExchangeNames = ["rsa"]
settings.useExtendedMasterSecret = False

plain = socket.create_connection((host, int(port)), timeout=60)


def reply(stream):
    """The last line of the next reply."""
    line = b""
    while True:
        octet = stream.recv(1)
        if not octet:
            sys.exit("closed after %r" % line)
        line += octet
        if line.endswith(b"\r\n"):
            if line[3:4] != b"-":
                return line.decode().strip()
            line = b""


def ask(stream, command, expected):
    stream.sendall(command.encode() + b"\r\n")
    answer = reply(stream)
    if not answer.startswith(expected):
        sys.exit("%s: %s" % (command, answer))
    return answer


if transport == "starttls":
    reply(plain)
    ask(plain, "EHLO mfp1", "250")
    ask(plain, "STARTTLS", "220")
device = TLSConnection(plain)
try:
    device.handshakeClientCert(settings=settings)
except (TLSRemoteAlert, TLSLocalAlert, TLSAbruptCloseError) as error:
    print("refused\t%s" % error)
    sys.exit(0)
if transport == "implicit":
    reply(device)
ask(device, "EHLO mfp1", "250")
ask(device, "MAIL FROM:<scan@contoso.com>", "250")
ask(device, "RCPT TO:<anna@contoso.com>", "250")
ask(device, "DATA", "354")
page = "%s\r\n" % ("x" * 70)
answer = ask(device, "Subject: scan\r\n\r\n" + page * 1000 + ".", "250")
print("%s\t%s\t%s" % (device.getVersionName(), device.getCipherName(), answer))
ask(device, "QUIT", "221")
