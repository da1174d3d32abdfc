"""Compares messages before and after the relay, with the email package of CPython as the reader.

usage: leaves.py FOLDER

Of each NAME.before in the folder there is a NAME.after. Prints one line for each pair: the name, a tab,
and "equal", "changed: what" or "damaged: what". Changed is what is documented: a field that was mended.
Damaged is everything else: an attachment, a text or a recipient that a reader sees differently.
"""

import email
import email.header
import email.utils
import os
import sys


def leaves(message):
    for part in message.walk():
        if not part.is_multipart():
            yield (part.get_content_type(), part.get_filename(), part.get_payload(decode=True))


def shown(value):
    """A field as it is read: decoded, without the folding."""
    pieces = []
    for text, charset in email.header.decode_header(str(value)):
        if isinstance(text, bytes):
            try:
                text = text.decode(charset or "latin-1", "replace")
            except LookupError:
                text = text.decode("latin-1")
        pieces.append(text)
    return " ".join("".join(pieces).split())


def addresses(message, name):
    values = [str(value) for value in message.get_all(name, [])]
    return {address.lower() for _, address in email.utils.getaddresses(values) if "@" in address}


def compare(before, after):
    before_leaves, after_leaves = list(leaves(before)), list(leaves(after))
    if len(before_leaves) != len(after_leaves):
        return f"damaged: {len(before_leaves)} parts became {len(after_leaves)}"
    for number, (old, new) in enumerate(zip(before_leaves, after_leaves)):
        for what, one, other in zip(("type", "name", "octets"), old, new):
            if one != other:
                return f"damaged: {what} of part {number}: {one!r:.120} became {other!r:.120}"
    for name in ("To", "Cc", "Reply-To", "From"):
        lost = addresses(before, name) - addresses(after, name) - addresses(after, "Reply-To")
        if lost:
            return f"damaged: {name} lost {sorted(lost)}: {before.get_all(name)} became {after.get_all(name)}"
    subjects = [shown(value) for value in before.get_all("Subject", []) if shown(value)]
    if subjects and shown(after["Subject"]) != subjects[0]:
        return f"damaged: the subject {subjects[0]!r} became {shown(after['Subject'])!r}"
    changed = sorted({name for name, value in before.items() if str(value) not in map(str, after.get_all(name, []))})
    added = sorted({name for name in after.keys() if name not in before})
    if changed or added:
        return "changed: " + " ".join(changed + [f"+{name}" for name in added])
    return "equal"


def read(path):
    with open(path, "rb") as file:
        return email.message_from_binary_file(file)


folder = sys.argv[1]
for name in sorted(os.listdir(folder)):
    if name.endswith(".before"):
        path = os.path.join(folder, name)
        result = compare(read(path), read(path.removesuffix(".before") + ".after"))
        print(name.removesuffix(".before"), result.replace("\n", " "), sep="\t")
