"""Hands messages in with Python's smtplib.

Usage: smtplib_client.py HOST PORT plain|starttls|implicit USER PASSWORD_FILE SENDER RECIPIENT FILE...
USER may be "-" for no login. Each FILE is a message with CRLF line ends; all go over one connection.
Prints one line for each file: its name, a tab, and the server's answer to end of data.
"""

import smtplib
import ssl
import sys

host, port, transport, user, password_file, sender, recipient, *files = sys.argv[1:]
context = ssl._create_unverified_context()  # as printers do
if transport == "implicit":
    client = smtplib.SMTP_SSL(host, int(port), context=context, timeout=120)
else:
    client = smtplib.SMTP(host, int(port), timeout=120)
with client:
    if transport == "starttls":
        client.starttls(context=context)
    if user != "-":
        with open(password_file, encoding="utf-8") as file:
            client.login(user, file.read().strip())
    client.ehlo_or_helo_if_needed()
    for name in files:
        with open(name, "rb") as file:
            message = file.read()
        for code, text in (client.mail(sender, ["SIZE=%d" % len(message)]), client.rcpt(recipient)):
            if code != 250:
                sys.exit("%s: %d %s" % (name, code, text.decode()))
        code, text = client.data(message)
        print("%s\t%d %s" % (name, code, text.decode()), flush=True)
