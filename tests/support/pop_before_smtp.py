"""Logs in by POP and then sends by SMTP, as devices that know no AUTH do, with Python's poplib and smtplib.

Usage: pop_before_smtp.py HOST SMTP_PORT USER PASSWORD_FILE JOB...
A JOB is ADDRESS,PORT,HOW: the address to come from, the port of the POP listener, and user, apop, stls or tls.
For each job: an SMTP connection is opened and refused, a login by POP follows, and then that connection and a new one
each hand a message in, without any wait. Prints for each job, tab-separated: the refusal, the answer to the login, and the
answers to both ends of data.
"""

import poplib
import smtplib
import socket
import ssl
import sys

host, smtp_port, user, password_file, *jobs = sys.argv[1:]
with open(password_file, encoding="utf-8") as file:
    password = file.read().strip()
context = ssl._create_unverified_context()  # as printers do


class Pop(poplib.POP3):
    def _create_socket(self, timeout):
        return socket.create_connection((self.host, self.port), timeout, source_address=(self.address, 0))


class PopOverTls(Pop):
    def _create_socket(self, timeout):
        return context.wrap_socket(super()._create_socket(timeout), server_hostname=self.host)


def log_in(address, port, how):
    kind = PopOverTls if how == "tls" else Pop
    kind.address = address
    pop = kind(host, int(port), timeout=60)
    if how == "stls":
        if "STLS" not in pop.capa():
            sys.exit("no STLS: %r" % pop.capa())
        pop.stls(context)
        if "STLS" in pop.capa():
            sys.exit("STLS is offered twice")
    if how == "apop":
        answer = pop.apop(user, password)
    else:
        pop.user(user)
        answer = pop.pass_(password)
    if pop.stat() != (0, 0):
        sys.exit("there is mail: %r" % (pop.stat(),))
    pop.quit()
    return answer.decode()


def connect(address):
    smtp = smtplib.SMTP(timeout=60, source_address=(address, 0))
    smtp.connect(host, int(smtp_port))
    smtp.helo("mfp1")
    return smtp


def hand_in(smtp):
    for code, text in (smtp.mail("mfp1@contoso.com"), smtp.rcpt("anna@contoso.com"), smtp.rcpt("bert@contoso.com")):
        if code != 250:
            sys.exit("%d %s" % (code, text.decode()))
    code, text = smtp.data(b"Subject: scan\r\n\r\npage\r\n")
    smtp.quit()
    return "%d %s" % (code, text.decode())


for job in jobs:
    address, port, how = job.split(",")
    early = connect(address)
    code, text = early.mail("mfp1@contoso.com")
    answer = log_in(address, port, how)
    said = ["%d %s" % (code, text.decode()), answer, hand_in(early), hand_in(connect(address))]
    print("\t".join(said), flush=True)
