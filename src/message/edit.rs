//! The edits of delivery: what is missing is added, what is malformed is repaired, the sender becomes whom the account may be.
//!
//! Applied while sending, never on disk, and only to the header block: a signed body is never touched.

use crate::{
    message::{
        header::HeaderBlock,
        mailbox::{self, Mailbox},
    },
    model::{Address, MessageId, Timestamp},
};

/// What an edit needs to know of the message and of the way it takes.
#[derive(Clone, Debug)]
pub struct Edits {
    /// For a `Message-ID:` that stays the same over all attempts.
    pub id: MessageId,
    /// For `Date:`.
    pub received: Timestamp,
    /// For `Message-ID:`.
    pub hostname: String,
    /// Whom the message is from when its header does not tell.
    pub fallback: Option<Address>,
    /// Whom it must be from, whatever the header tells.
    pub identity: Option<Identity>,
    /// How the whole body will be encoded, when that is changed on the way.
    pub transfer_encoding: Option<&'static str>,
}

/// Whom a message must be from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// For `From:`.
    pub address: Address,
    /// The display name; none keeps the old one, or shows the old address.
    pub name: Option<String>,
    /// For `Reply-To:`, where the message has none; none keeps the old `From:` there.
    pub reply_to: Option<Address>,
}

/// What was done to a header. Shown to the administrator by its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// No header at all, or no empty line after it.
    MissingHeader,
    /// No `From:`, or none that has an address.
    MissingFrom,
    /// `From:` was no mailbox, or several.
    MalformedFrom,
    /// No `Date:`.
    MissingDate,
    /// No `Message-ID:`.
    MissingMessageId,
    /// None of `To:`, `Cc:`, `Bcc:`.
    MissingTo,
    /// `Content-Type:` without `MIME-Version:`.
    MissingMimeVersion,
}

/// A header block after the edits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edited {
    /// The new block, with its empty line.
    pub header: Vec<u8>,
    /// Octets of the text that the old one took up.
    pub replaces: usize,
    /// What was repaired.
    pub repairs: Vec<Repair>,
}

/// Edits the header block at the start of `text`.
#[must_use]
pub fn edit(text: &[u8], edits: &Edits) -> Edited {
    let mut header = HeaderBlock::read(text);
    let mut repairs = Vec::new();
    let ended = text.get(..header.length()).is_some_and(|block| block.ends_with(b"\r\n\r\n") || block == b"\r\n");
    if !ended {
        repairs.push(Repair::MissingHeader);
    }
    repair_from(&mut header, edits, &mut repairs);
    repair_the_rest(&mut header, edits, &mut repairs);
    if let Some(identity) = &edits.identity {
        assume(&mut header, identity);
    }
    if let Some(encoding) = edits.transfer_encoding {
        header.replace("Content-Transfer-Encoding", format!("Content-Transfer-Encoding: {encoding}\r\n"));
    }
    Edited { header: header.render(), replaces: header.length(), repairs }
}

/// The address in `From:`, when it has one.
#[must_use]
pub fn author(text: &[u8]) -> Option<Address> {
    let header = HeaderBlock::read(text);
    header.find("From").and_then(|field| mailbox::read(&field.value())).map(|mailbox| mailbox.address)
}

fn repair_from(header: &mut HeaderBlock<'_>, edits: &Edits, repairs: &mut Vec<Repair>) {
    let value = header.find("From").map(super::header::Field::value);
    let repaired = match value {
        Some(value) if mailbox::is_well_formed(&value) => return,
        Some(value) => mailbox::read(&value).map(|mailbox| (mailbox, Repair::MalformedFrom)),
        None => None,
    };
    let fallback = || edits.fallback.clone().map(|address| (Mailbox { name: None, address }, Repair::MissingFrom));
    if let Some((mailbox, repair)) = repaired.or_else(fallback) {
        header.replace("From", format!("From: {}\r\n", mailbox.render()));
        repairs.push(repair);
    }
}

fn repair_the_rest(header: &mut HeaderBlock<'_>, edits: &Edits, repairs: &mut Vec<Repair>) {
    // RFC 6409 8.2 and 8.3 let a submission server add these two; Exchange Online answers with the Message-ID it was given.
    if header.find("Date").is_none() {
        header.replace("Date", format!("Date: {}\r\n", edits.received.to_rfc5322()));
        repairs.push(Repair::MissingDate);
    }
    if header.find("Message-ID").is_none_or(|field| field.value().is_empty()) {
        header.replace("Message-ID", format!("Message-ID: <{}@{}>\r\n", edits.id, edits.hostname));
        repairs.push(Repair::MissingMessageId);
    }
    if ["To", "Cc", "Bcc"].iter().all(|name| header.find(name).is_none()) {
        header.replace("To", "To: undisclosed-recipients:;\r\n".to_owned());
        repairs.push(Repair::MissingTo);
    }
    // RFC 2045 4: without it a reader need not look at Content-Type, and shows base64 as text.
    if header.find("Content-Type").is_some() && header.find("MIME-Version").is_none() {
        header.replace("MIME-Version", "MIME-Version: 1.0\r\n".to_owned());
        repairs.push(Repair::MissingMimeVersion);
    }
}

/// Makes the message be from `identity`; who it was from goes into the display name and `Reply-To:`.
fn assume(header: &mut HeaderBlock<'_>, identity: &Identity) {
    let old = header.find("From").and_then(|field| mailbox::read(&field.value()));
    if let Some(old) = &old
        && old.address.same_mailbox(&identity.address)
        && identity.name.is_none()
        && identity.reply_to.is_none()
    {
        return;
    }
    let old_name = old.as_ref().map(|old| old.name.clone().unwrap_or_else(|| old.address.to_string()));
    let from = Mailbox { name: identity.name.clone().or(old_name), address: identity.address.clone() };
    header.replace("From", format!("From: {}\r\n", from.render()));
    // RFC 5322 3.6.2: a Sender that is not the mailbox would have Exchange Online say SendAsDenied.
    if header.find("Sender").is_some() {
        header.replace("Sender", format!("Sender: {}\r\n", identity.address));
    }
    let answer_to = identity.reply_to.clone().or_else(|| old.map(|old| old.address));
    if let Some(answer_to) = answer_to
        && header.find("Reply-To").is_none()
        && !answer_to.same_mailbox(&identity.address)
    {
        header.replace("Reply-To", format!("Reply-To: {answer_to}\r\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits(identity: Option<Identity>) -> Edits {
        Edits {
            id: MessageId::new(Timestamp::from_millis(1_763_900_000_000), 1),
            received: Timestamp::from_millis(1_741_548_328_000),
            hostname: "postroom.contoso.lan".into(),
            fallback: Some("scan@contoso.com".parse().unwrap()),
            identity,
            transfer_encoding: None,
        }
    }

    fn identity(name: Option<&str>, reply_to: Option<&str>) -> Option<Identity> {
        Some(Identity {
            address: "scanner@contoso.com".parse().unwrap(),
            name: name.map(Into::into),
            reply_to: reply_to.map(|address| address.parse().unwrap()),
        })
    }

    const WHOLE: &str = "Date: Sun, 9 Mar 2025 19:25:28 +0000\r\nMessage-ID: <1@mfp>\r\nTo: it@contoso.com\r\n";

    #[track_caller]
    fn check(text: &str, identity: Option<Identity>, expected: &str, repairs: &[Repair]) {
        let edited = edit(text.as_bytes(), &edits(identity));
        let whole = format!("{}{}", String::from_utf8(edited.header).unwrap(), &text[edited.replaces..]);
        assert_eq!(whole, expected);
        assert_eq!(edited.repairs, repairs);
    }

    #[test]
    fn a_whole_header_is_left_alone() {
        let text = format!("{WHOLE}From: Scanner <scan@contoso.com>\r\n\r\nbody\r\n");
        check(&text, None, &text, &[]);
    }

    #[test]
    fn a_message_without_a_header_gets_one_and_keeps_its_text() {
        check(
            "TONER LOW\r\n",
            None,
            "From: scan@contoso.com\r\nDate: Sun, 9 Mar 2025 19:25:28 +0000\r\nMessage-ID: <1jam4amj0000000000001@postroom.contoso.lan>\r\n\
             To: undisclosed-recipients:;\r\n\r\nTONER LOW\r\n"
                .replace("1jam4amj0000000000001", edits(None).id.as_str())
                .as_str(),
            &[Repair::MissingHeader, Repair::MissingFrom, Repair::MissingDate, Repair::MissingMessageId, Repair::MissingTo],
        );
    }

    #[test]
    fn the_defect_that_microsoft_names_is_repaired_in_place() {
        check(
            &format!("From: a@b.c <a@b.c>\r\n{WHOLE}\r\n"),
            None,
            &format!("From: \"a@b.c\" <a@b.c>\r\n{WHOLE}\r\n"),
            &[Repair::MalformedFrom],
        );
    }

    #[test]
    fn mime_without_its_version_gets_it() {
        check(
            &format!("From: a@b.c\r\n{WHOLE}Content-Type: text/plain\r\n\r\n"),
            None,
            &format!("From: a@b.c\r\n{WHOLE}Content-Type: text/plain\r\nMIME-Version: 1.0\r\n\r\n"),
            &[Repair::MissingMimeVersion],
        );
    }

    #[test]
    fn a_rewritten_sender_stays_visible_and_reachable() {
        check(
            &format!("From: mfp1@printers.lan\r\n{WHOLE}\r\n"),
            identity(None, None),
            &format!("From: \"mfp1@printers.lan\" <scanner@contoso.com>\r\n{WHOLE}Reply-To: mfp1@printers.lan\r\n\r\n"),
            &[],
        );
        check(
            &format!("From: Ground floor <mfp1@printers.lan>\r\nSender: x@y.z\r\n{WHOLE}\r\n"),
            identity(Some("Office printers"), Some("helpdesk@contoso.com")),
            &format!(
                "From: Office printers <scanner@contoso.com>\r\nSender: scanner@contoso.com\r\n{WHOLE}Reply-To: helpdesk@contoso.com\r\n\r\n"
            ),
            &[],
        );
    }

    #[test]
    fn a_reply_to_of_the_device_is_respected() {
        check(
            &format!("From: mfp1@printers.lan\r\nReply-To: anna@contoso.com\r\n{WHOLE}\r\n"),
            identity(Some("P"), None),
            &format!("From: P <scanner@contoso.com>\r\nReply-To: anna@contoso.com\r\n{WHOLE}\r\n"),
            &[],
        );
    }

    #[test]
    fn the_right_sender_is_not_touched() {
        let text = format!("From: Scan <Scanner@contoso.com>\r\n{WHOLE}\r\n");
        check(&text, identity(None, None), &text, &[]);
    }
}
