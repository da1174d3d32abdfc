//! The header of a message for a server that takes its recipients from `To`, `Cc` and `Bcc`.
//!
//! Such a server delivers to every address in these fields, and to nobody else. So the copy that it
//! gets names exactly the recipients of the transaction. What the fields said before is kept as
//! text, for people.

use crate::{
    message::{
        header::{Field, HeaderBlock},
        mailbox,
    },
    model::Address,
};

/// The fields that name recipients, and those that keep what they said.
const FIELDS: [(&str, &str); 3] =
    [("To", "X-Original-To-Field"), ("Cc", "X-Original-Cc-Field"), ("Bcc", "")];

/// The header of a message for exactly these recipients, and its length in `text`. A recipient that
/// `To` and `Cc` do not name gets a blind copy.
#[must_use]
pub fn addressed(text: &[u8], recipients: &[&Address]) -> (Vec<u8>, usize) {
    let mut block = HeaderBlock::read(text);
    let length = block.length();
    let mut left: Vec<&Address> = Vec::new();
    for recipient in recipients {
        if !left.iter().any(|known| is_same(known, recipient)) {
            left.push(recipient);
        }
    }
    let mut added = String::new();
    for (field, kept) in FIELDS {
        let values: Vec<String> =
            block.fields().filter(|one| one.is(field)).map(Field::value).collect();
        let said = values.join(", ");
        block.remove(field);
        if kept.is_empty() || said.trim().is_empty() {
            continue;
        }
        let members = mailbox::read_list(&said);
        let named = members.len();
        let (here, others): (Vec<_>, Vec<_>) = members
            .into_iter()
            .partition(|member| left.iter().any(|one| is_same(one, &member.address)));
        left.retain(|one| !here.iter().any(|member| is_same(one, &member.address)));
        if !here.is_empty() {
            let list: Vec<String> = here.iter().map(mailbox::Mailbox::render).collect();
            added.push_str(&format!("{field}: {}\r\n", list.join(",\r\n ")));
        }
        if !others.is_empty() || named == 0 {
            added.push_str(&format!("{kept}: {}\r\n", folded(&said)));
        }
    }
    if !left.is_empty() {
        let list: Vec<&str> = left.iter().map(|one| one.as_str()).collect();
        added.push_str(&format!("Bcc: {}\r\n", list.join(",\r\n ")));
    }
    let mut header = block.render();
    // The block ends with its empty line.
    if header.ends_with(b"\r\n\r\n") || header == b"\r\n" {
        header.truncate(header.len() - 2);
    }
    header.extend_from_slice(added.as_bytes());
    header.extend_from_slice(b"\r\n");
    (header, length)
}

/// A list with each member on a line of its own.
fn folded(value: &str) -> String {
    let members: Vec<&str> = value.split(',').map(str::trim).collect();
    members.join(",\r\n ")
}

/// RFC 5321 2.4: only the domain's letters have no case, but no server tells local parts apart by
/// it.
fn is_same(one: &Address, other: &Address) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, recipients: &[&str], expected: &str) {
        let recipients: Vec<Address> =
            recipients.iter().map(|address| address.parse().unwrap()).collect();
        let recipients: Vec<&Address> = recipients.iter().collect();
        let text = format!("{header}\r\nbody\r\n");
        let (made, length) = addressed(text.as_bytes(), &recipients);
        assert_eq!(String::from_utf8(made).unwrap(), expected);
        assert_eq!(&text[length..], "body\r\n");
    }

    #[test]
    fn who_is_named_stays_named_and_the_rest_get_a_blind_copy() {
        check(
            "Subject: Scan\r\nTo: Ann <ann@contoso.com>\r\n",
            &["ANN@contoso.com", "bob@contoso.com"],
            "Subject: Scan\r\nTo: Ann <ann@contoso.com>\r\nBcc: bob@contoso.com\r\n\r\n",
        );
    }

    #[test]
    fn who_is_not_in_this_transaction_does_not_get_it() {
        check(
            "To: ann@contoso.com, bob@contoso.com\r\nCc: carl@contoso.com\r\n",
            &["bob@contoso.com"],
            "To: bob@contoso.com\r\nX-Original-To-Field: ann@contoso.com,\r\n \
            bob@contoso.com\r\nX-Original-Cc-Field: carl@contoso.com\r\n\r\n",
        );
    }

    #[test]
    fn a_blind_copy_of_the_device_is_never_shown() {
        check(
            "Bcc: secret@contoso.com\r\nSubject: Scan\r\nTo: ann@contoso.com\r\n",
            &["ann@contoso.com"],
            "Subject: Scan\r\nTo: ann@contoso.com\r\n\r\n",
        );
        check("Subject: x\r\n", &["ann@contoso.com"], "Subject: x\r\nBcc: ann@contoso.com\r\n\r\n");
    }

    #[test]
    fn nobody_is_named_twice() {
        check(
            "To: ann@contoso.com\r\nCc: Ann <ann@contoso.com>\r\n",
            &["ann@contoso.com", "ann@contoso.com"],
            "To: ann@contoso.com\r\nX-Original-Cc-Field: Ann <ann@contoso.com>\r\n\r\n",
        );
    }
}
