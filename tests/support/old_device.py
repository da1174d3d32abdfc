"""Hands messages in as devices of their time would, with tlslite-ng: no code in common with the server.

Usage: old_device.py HOST JOB...
A JOB is PORT,TRANSPORT,VERSION,CIPHER,MAC. TRANSPORT is implicit or starttls; with "/ssl2" behind it, the hello comes in
the form of SSL 2.0 (RFC 5246 E.2). VERSION is ssl3, tls1.0, tls1.1 or tls1.2, CIPHER rc4, 3des, aes128, aes256 or
aes128gcm, MAC md5, sha or aead; the key exchange is plain RSA, as it was then.
Prints for each job, tab-separated: the agreed version, the cipher, and the server's answer to end of data; or "refused"
and why.
"""

import socket
import sys

from tlslite.api import HandshakeSettings, TLSConnection
from tlslite.errors import TLSAbruptCloseError, TLSLocalAlert, TLSRemoteAlert
from tlslite.messages import ClientHello

VERSIONS = {"ssl3": (3, 0), "tls1.0": (3, 1), "tls1.1": (3, 2), "tls1.2": (3, 3)}
PAGE = "%s\r\n" % ("x" * 70)


class Ssl2HelloConnection(TLSConnection):
    """Says hello as SSL 2.0 did, and goes on in what it is answered."""

    def _sendMsg(self, msg, *args, **kwargs):
        if not isinstance(msg, ClientHello):
            yield from super()._sendMsg(msg, *args, **kwargs)
            return
        msg.ssl2 = True
        msg.session_id = bytearray()
        msg.extensions = None
        hello = msg.write()
        self._handshake_hash.update(hello)
        self.sock.send(bytes([0x80 | len(hello) >> 8, len(hello) & 0xFF]) + bytes(hello))
        self.sock.flush()


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


def hand_in(host, port, transport, version, cipher, mac):
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = VERSIONS[version]
    settings.cipherNames = [cipher]
    settings.macNames = [mac]
    settings.keyExchangeNames = ["rsa"]
    settings.useExtendedMasterSecret = False
    settings.useEncryptThenMAC = False
    transport, _, form = transport.partition("/")
    plain = socket.create_connection((host, int(port)), timeout=60)
    if transport == "starttls":
        reply(plain)
        ask(plain, "EHLO mfp1", "250")
        ask(plain, "STARTTLS", "220")
    device = (Ssl2HelloConnection if form == "ssl2" else TLSConnection)(plain)
    try:
        device.handshakeClientCert(settings=settings)
    except (TLSRemoteAlert, TLSAbruptCloseError) as error:
        return "refused\t%s" % error
    if transport == "implicit":
        reply(device)
    ask(device, "EHLO mfp1", "250")
    ask(device, "MAIL FROM:<scan@contoso.com>", "250")
    ask(device, "RCPT TO:<anna@contoso.com>", "250")
    ask(device, "DATA", "354")
    answer = ask(device, "Subject: scan\r\n\r\n" + PAGE * 300 + ".", "250")
    ask(device, "QUIT", "221")
    return "%s\t%s\t%s" % (device.getVersionName(), device.getCipherName(), answer)


for job in sys.argv[2:]:
    try:
        said = hand_in(sys.argv[1], *job.split(","))
    except TLSLocalAlert:
        # A banner instead of a ServerHello: the port takes either, and had waited long enough. It waits longer for who fails.
        said = hand_in(sys.argv[1], *job.split(","))
    print(said, flush=True)
