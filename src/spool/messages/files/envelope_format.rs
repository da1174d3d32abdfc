//! The format of a spool file: the envelope in header form, then the text of the message as it was
//! accepted.
//!
//! ```text
//! Postroom-File: 1 text-at=0000000369 size=00000000000000048211
//! Postroom-Id: 1hc5gqk0o7a3v9d2l4m0
//! Postroom-Received: 1741548328007
//! Postroom-Device: printers
//! Postroom-Via: esmtp helo=mfp1 peer=192.168.10.7 tls=tls1.0 user=scan
//! Postroom-Options: body=8bitmime smtputf8 ret=hdrs envid=QQ314159
//! Postroom-Sender: <scanner@contoso.com>
//! Postroom-Recipient: <anna@contoso.com> notify=success,failure orcpt=rfc822;anna@contoso.com
//! Received: from mfp1 ...
//! ```
//!
//! The whole opens in any mail reader. The first line, whose length is fixed, says where the text
//! begins and how long it is: what a message writes into its own header cannot move that place, and
//! a file that was cut short is noticed. Values are percent-encoded where they hold blanks, control
//! characters or `%`, so each is one word on one line.
//!
//! Reading is strict: fields in this order, each once (recipients at least once), nothing beside
//! them.

use std::str::FromStr;

use thiserror::Error;

use crate::model::{
    Address, BodyKind, Envelope, MailParameters, Notify, Recipient, ReturnContent, ReversePath,
    TlsVersion, Via,
};

/// Octets of the first line, which alone leads to the text.
pub(in crate::spool) const FIRST_LINE: usize =
    "Postroom-File: 1 text-at=0000000369 size=00000000000000048211\r\n".len();

/// Where in the file the twenty digits of the size stand.
pub(in crate::spool) const SIZE_AT: u64 = 41;

/// Largest envelope written or read: more than 5,000 recipients of the longest addresses seen in
/// practice. Bounds what a damaged or planted file can make us read into memory.
pub(in crate::spool) const ENVELOPE_LIMIT: usize = 1024 * 1024;

/// Why something is not a spool file, or an envelope cannot head one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(in crate::spool) enum FormatError {
    #[error("its first line is not that of a spool file")]
    FirstLine,
    #[error("its envelope is longer than {ENVELOPE_LIMIT} octets")]
    TooLong,
    #[error("its envelope has no proper line \"{0}\"")]
    Field(&'static str),
    #[error("its envelope goes on after the last recipient")]
    Surplus,
}

/// What the first line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spool) struct Extent {
    /// Where the text begins: the octets of the whole envelope.
    pub(in crate::spool) text_at: u64,
    /// Octets of the text.
    pub(in crate::spool) size: u64,
}

/// The envelope as it heads the file, with a size of zero: [`size_digits`] go to [`SIZE_AT`] when
/// the size is known.
pub(in crate::spool) fn render(envelope: &Envelope) -> Result<Vec<u8>, FormatError> {
    let via = &envelope.via;
    let mut fields = String::with_capacity(512);
    field(&mut fields, "Id", envelope.id.as_str());
    field(&mut fields, "Received", &envelope.received.as_millis().to_string());
    field(&mut fields, "Device", &encode(envelope.device.as_str()));

    let mut words =
        format!("{} helo={}", if via.esmtp { "esmtp" } else { "smtp" }, encode(&via.helo));
    word(&mut words, "peer", via.peer.map(|peer| peer.to_string()));
    word(&mut words, "tls", via.tls.map(|tls| tls.as_str().to_owned()));
    word(&mut words, "user", via.user.as_deref().map(encode));
    field(&mut fields, "Via", &words);

    let mut words = match envelope.parameters.body {
        BodyKind::SevenBit => "body=7bit".to_owned(),
        BodyKind::EightBitMime => "body=8bitmime".to_owned(),
    };
    words.push_str(if envelope.parameters.smtputf8 { " smtputf8" } else { "" });
    word(&mut words, "ret", envelope.parameters.ret.map(|ret| return_content(ret).to_owned()));
    word(&mut words, "envid", envelope.parameters.envid.as_deref().map(encode));
    field(&mut fields, "Options", &words);

    field(&mut fields, "Sender", &format!("<{}>", encode(&envelope.sender.to_string())));
    if envelope.recipients.is_empty() {
        return Err(FormatError::Field("Recipient"));
    }
    for recipient in &envelope.recipients {
        let mut words = format!("<{}>", encode(recipient.address.as_str()));
        word(&mut words, "notify", recipient.notify.map(notify_words));
        word(&mut words, "orcpt", recipient.orcpt.as_deref().map(encode));
        field(&mut fields, "Recipient", &words);
    }

    let text_at = FIRST_LINE + fields.len();
    if text_at > ENVELOPE_LIMIT {
        return Err(FormatError::TooLong);
    }
    Ok(format!("Postroom-File: 1 text-at={text_at:010} size={:020}\r\n{fields}", 0).into_bytes())
}

/// A size as it stands in the first line.
pub(in crate::spool) fn size_digits(size: u64) -> String {
    format!("{size:020}")
}

/// Reads the first line.
pub(in crate::spool) fn extent(first_line: &[u8]) -> Result<Extent, FormatError> {
    let extent = || {
        let line = std::str::from_utf8(first_line).ok()?.strip_suffix("\r\n")?;
        let (text_at, size) =
            line.strip_prefix("Postroom-File: 1 text-at=")?.split_once(" size=")?;
        (text_at.len() == 10 && size.len() == 20).then_some(())?;
        Some(Extent { text_at: digits(text_at)?, size: digits(size)? })
    };
    let extent = extent().ok_or(FormatError::FirstLine)?;
    match usize::try_from(extent.text_at) {
        Ok(0..FIRST_LINE) => Err(FormatError::FirstLine),
        Ok(FIRST_LINE..=ENVELOPE_LIMIT) => Ok(extent),
        _beyond => Err(FormatError::TooLong),
    }
}

/// Reads the envelope: all of the file before the text.
pub(in crate::spool) fn parse(head: &[u8]) -> Result<Envelope, FormatError> {
    let (first_line, fields) = head.split_at_checked(FIRST_LINE).ok_or(FormatError::FirstLine)?;
    extent(first_line)?;
    let fields = std::str::from_utf8(fields).map_err(|_not_text| FormatError::Surplus)?;
    let mut fields = Fields(fields);

    let id = fields.take("Id", |value| value.parse().ok())?;
    let received =
        fields.take("Received", |value| digits(value).map(crate::model::Timestamp::from_millis))?;
    let device = fields.take("Device", |value| decode(value).map(Into::into))?;
    let via = fields.take("Via", read_via)?;
    let parameters = fields.take("Options", read_options)?;
    let sender = fields.take("Sender", read_sender)?;
    let mut recipients = vec![fields.take("Recipient", read_recipient)?];
    while !fields.0.is_empty() {
        recipients
            .push(fields.take("Recipient", read_recipient).map_err(|_other| FormatError::Surplus)?);
    }
    Ok(Envelope { id, received, device, via, sender, recipients, parameters })
}

fn field(fields: &mut String, name: &str, value: &str) {
    for part in ["Postroom-", name, ": ", value, "\r\n"] {
        fields.push_str(part);
    }
}

fn word(words: &mut String, key: &str, value: Option<String>) {
    if let Some(value) = value {
        for part in [" ", key, "=", value.as_str()] {
            words.push_str(part);
        }
    }
}

/// The lines not yet read.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, FormatError> {
        let taken = || {
            let (line, rest) = self.0.split_once("\r\n")?;
            let value = line.strip_prefix("Postroom-")?.strip_prefix(name)?.strip_prefix(": ")?;
            Some((read(value)?, rest))
        };
        let (value, rest) = taken().ok_or(FormatError::Field(name))?;
        self.0 = rest;
        Ok(value)
    }
}

/// The words of one line, each taken in its turn.
struct Words<'a>(std::iter::Peekable<std::str::Split<'a, char>>);

impl<'a> Words<'a> {
    fn of(value: &'a str) -> Self {
        Self(value.split(' ').peekable())
    }

    /// The value of the next word if it is `key=value`; the word stays when it is another.
    fn value(&mut self, key: &str) -> Option<&'a str> {
        let value = self.0.peek()?.strip_prefix(key)?.strip_prefix('=')?;
        self.0.next();
        Some(value)
    }

    /// None when the word is there and makes no sense; `Some(None)` when it is not there.
    #[expect(
        clippy::option_option,
        reason = "absent and senseless are two things here, and only here"
    )]
    fn optional<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.value(key) {
            Some(value) => read(value).map(Some),
            None => Some(None),
        }
    }

    fn end(&mut self) -> Option<()> {
        self.0.next().is_none().then_some(())
    }
}

fn read_via(value: &str) -> Option<Via> {
    let mut words = Words::of(value);
    let esmtp = match words.0.next()? {
        "esmtp" => true,
        "smtp" => false,
        _other => return None,
    };
    let helo = decode(words.value("helo")?)?;
    let peer = words.optional("peer", |peer| peer.parse().ok())?;
    let tls = words.optional("tls", read_tls)?;
    let user = words.optional("user", decode)?;
    words.end()?;
    Some(Via { peer, helo, esmtp, tls, user })
}

fn read_tls(value: &str) -> Option<TlsVersion> {
    [TlsVersion::Ssl3, TlsVersion::Tls10, TlsVersion::Tls11, TlsVersion::Tls12, TlsVersion::Tls13]
        .into_iter()
        .find(|tls| tls.as_str() == value)
}

fn read_options(value: &str) -> Option<MailParameters> {
    let mut words = Words::of(value);
    let body = match words.value("body")? {
        "7bit" => BodyKind::SevenBit,
        "8bitmime" => BodyKind::EightBitMime,
        _other => return None,
    };
    let smtputf8 = words.0.next_if_eq(&"smtputf8").is_some();
    let ret = words.optional("ret", |ret| {
        [ReturnContent::Full, ReturnContent::Headers]
            .into_iter()
            .find(|known| return_content(*known) == ret)
    })?;
    let envid = words.optional("envid", decode)?;
    words.end()?;
    Some(MailParameters { body, smtputf8, ret, envid })
}

const fn return_content(ret: ReturnContent) -> &'static str {
    match ret {
        ReturnContent::Full => "full",
        ReturnContent::Headers => "hdrs",
    }
}

fn read_sender(value: &str) -> Option<ReversePath> {
    let path = decode(bracketed(value)?)?;
    if path.is_empty() {
        Some(ReversePath::Null)
    } else {
        path.parse().ok().map(ReversePath::Mailbox)
    }
}

fn read_recipient(value: &str) -> Option<Recipient> {
    let mut words = Words::of(value);
    let address = Address::from_str(&decode(bracketed(words.0.next()?)?)?).ok()?;
    let notify = words.optional("notify", read_notify)?;
    let orcpt = words.optional("orcpt", decode)?;
    words.end()?;
    Some(Recipient { address, notify, orcpt })
}

fn bracketed(value: &str) -> Option<&str> {
    value.strip_prefix('<')?.strip_suffix('>')
}

fn notify_words(notify: Notify) -> String {
    let all = [(notify.success, "success"), (notify.failure, "failure"), (notify.delay, "delay")];
    let words: Vec<&str> =
        all.into_iter().filter_map(|(asked, word)| asked.then_some(word)).collect();
    if words.is_empty() { "never".to_owned() } else { words.join(",") }
}

fn read_notify(value: &str) -> Option<Notify> {
    let asked = |word| value.split(',').any(|given| given == word);
    let notify =
        Notify { success: asked("success"), failure: asked("failure"), delay: asked("delay") };
    // Only what we write ourselves: no other word, none twice, in this order.
    (notify_words(notify) == value).then_some(notify)
}

fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for c in value.chars() {
        if c == '%' || c.is_whitespace() || c.is_control() {
            for octet in c.encode_utf8(&mut [0; 4]).bytes() {
                encoded.push_str(&format!("%{octet:02X}"));
            }
        } else {
            encoded.push(c);
        }
    }
    encoded
}

fn decode(value: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let (pair, after) = after.split_first_chunk::<2>()?;
            let pair = std::str::from_utf8(pair).ok()?;
            pair.bytes().all(|c| c.is_ascii_hexdigit()).then_some(())?;
            decoded.push(u8::from_str_radix(pair, 16).ok()?);
            rest = after;
        } else {
            decoded.push(*first);
            rest = after;
        }
    }
    String::from_utf8(decoded).ok()
}

fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::{collection, option, prelude::*};

    use super::*;
    use crate::model::{MessageId, Timestamp};

    fn addresses() -> impl Strategy<Value = Address> {
        prop_oneof![
            "[a-z%+=<>]{1,8}@[a-z]{1,5}\\.[a-z]{2}"
                .prop_filter_map("an address", |text| text.parse().ok()),
            "\"[^\\p{Cc}\"]{0,20}\"@\\[[0-9.]{1,9}\\]"
                .prop_filter_map("an address", |text| text.parse().ok()),
            "\\PC{1,20}@\\PC{1,10}".prop_filter_map("an address", |text| text.parse().ok()),
            Just("postmaster".parse().unwrap()),
        ]
    }

    fn recipients() -> impl Strategy<Value = Recipient> {
        let notify = (any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(success, failure, delay)| Notify { success, failure, delay });
        (addresses(), option::of(notify), option::of(any::<String>()))
            .prop_map(|(address, notify, orcpt)| Recipient { address, notify, orcpt })
    }

    fn vias() -> impl Strategy<Value = Via> {
        let tls = prop_oneof![
            Just(TlsVersion::Ssl3),
            Just(TlsVersion::Tls10),
            Just(TlsVersion::Tls12),
            Just(TlsVersion::Tls13)
        ];
        (
            option::of(any::<std::net::IpAddr>()),
            any::<String>(),
            any::<bool>(),
            option::of(tls),
            option::of(any::<String>()),
        )
            .prop_map(|(peer, helo, esmtp, tls, user)| Via {
                peer,
                helo,
                esmtp,
                tls,
                user,
            })
    }

    prop_compose! {
        fn envelopes()(
            numbers in any::<(u64, u64, u64)>(),
            device in any::<String>(),
            via in vias(),
            sender in option::of(addresses()),
            recipients in collection::vec(recipients(), 1..4),
            flags in any::<(bool, bool)>(),
            ret in option::of(prop_oneof![Just(ReturnContent::Full), Just(ReturnContent::Headers)]),
            envid in option::of(any::<String>()),
        ) -> Envelope {
            Envelope {
                id: MessageId::new(Timestamp::from_millis(numbers.0), numbers.1),
                received: Timestamp::from_millis(numbers.2),
                device: device.into(),
                via,
                sender: sender.map_or(ReversePath::Null, ReversePath::Mailbox),
                recipients,
                parameters: MailParameters {
                    body: if flags.0 { BodyKind::EightBitMime } else { BodyKind::SevenBit },
                    smtputf8: flags.1,
                    ret,
                    envid,
                },
            }
        }
    }

    proptest! {
        #[test]
        fn every_envelope_comes_back_as_it_was(envelope in envelopes(), text in any::<Vec<u8>>()) {
            let mut file = render(&envelope).unwrap();
            let head = file.len();
            file.extend_from_slice(&text);
            let extent = extent(&file[..FIRST_LINE]).unwrap();
            prop_assert_eq!(extent, Extent { text_at: u64::try_from(head).unwrap(), size: 0 });
            prop_assert_eq!(parse(&file[..head]), Ok(envelope));
        }

        #[test]
        fn nothing_makes_the_reader_panic(
            octets in any::<Vec<u8>>(),
            at in 0usize..600,
            envelope in envelopes(),
        ) {
            let _refused = parse(&octets);
            let mut file = render(&envelope).unwrap();
            let at = at.min(file.len());
            let end = (at + octets.len()).min(file.len());
            file.splice(at..end, octets);
            let _whatever = extent(file.get(..FIRST_LINE).unwrap_or_default());
            let _whatever = parse(&file);
        }
    }

    fn sample() -> Vec<u8> {
        let envelope = Envelope {
            id: "1hc5gqk0o7a3v9d2l4m0".parse().unwrap(),
            received: Timestamp::from_millis(1_741_548_328_007),
            device: "printers".into(),
            via: Via {
                peer: "192.168.10.7".parse().ok(),
                helo: "mfp 1".to_owned(),
                esmtp: true,
                tls: Some(TlsVersion::Tls10),
                user: Some("scan".to_owned()),
            },
            sender: ReversePath::Mailbox("scanner@contoso.com".parse().unwrap()),
            recipients: vec![Recipient {
                address: "\"anna b\"@contoso.com".parse().unwrap(),
                notify: Some(Notify::default()),
                orcpt: Some("rfc822;anna@contoso.com".to_owned()),
            }],
            parameters: MailParameters {
                body: BodyKind::EightBitMime,
                ret: Some(ReturnContent::Headers),
                envid: Some("QQ314159".to_owned()),
                ..MailParameters::default()
            },
        };
        render(&envelope).unwrap()
    }

    #[test]
    fn the_file_reads_as_a_header_block() {
        let expected = "Postroom-File: 1 text-at=0000000418 \
            size=00000000000000000000\r\nPostroom-Id: 1hc5gqk0o7a3v9d2l4m0\r\nPostroom-Received: \
            1741548328007\r\nPostroom-Device: printers\r\nPostroom-Via: esmtp helo=mfp%201 \
            peer=192.168.10.7 tls=tls1.0 user=scan\r\nPostroom-Options: body=8bitmime ret=hdrs \
            envid=QQ314159\r\nPostroom-Sender: <scanner@contoso.com>\r\nPostroom-Recipient: \
            <\"anna%20b\"@contoso.com> notify=never orcpt=rfc822;anna@contoso.com\r\n";
        assert_eq!(String::from_utf8(sample()).unwrap(), expected);
    }

    #[test]
    fn the_size_stands_where_it_is_written() {
        let mut file = sample();
        let at = usize::try_from(SIZE_AT).unwrap();
        file[at..at + 20].copy_from_slice(size_digits(48_211).as_bytes());
        assert_eq!(extent(&file[..FIRST_LINE]), Ok(Extent { text_at: 418, size: 48_211 }));
    }

    #[test]
    fn a_field_that_is_missing_doubled_or_strange_is_refused_by_name() {
        let check = |from: &str, to: &str, expected: FormatError| {
            let text = String::from_utf8(sample()).unwrap();
            assert!(text.contains(from), "{from}");
            assert_eq!(
                parse(text.replacen(from, to, 1).as_bytes()),
                Err(expected),
                "{from} -> {to}"
            );
        };
        check("Postroom-File: 1", "Postroom-File: 2", FormatError::FirstLine);
        check("text-at=0000000418", "text-at=0009999999", FormatError::TooLong);
        check("text-at=0000000418", "text-at=0000000011", FormatError::FirstLine);
        check("text-at=0000000418", "text-at=+000000406", FormatError::FirstLine);
        check("Postroom-Id: 1hc", "Postroom-Id: zzz", FormatError::Field("Id"));
        check("1741548328007", "soon", FormatError::Field("Received"));
        check("esmtp", "lmtp", FormatError::Field("Via"));
        check("tls=tls1.0", "tls=tls9.9", FormatError::Field("Via"));
        check("%20", "%zz", FormatError::Field("Via"));
        check("user=scan", "user=scan user=scan", FormatError::Field("Via"));
        check("ret=hdrs", "ret=some", FormatError::Field("Options"));
        check("<scanner@contoso.com>", "scanner@contoso.com", FormatError::Field("Sender"));
        check("notify=never", "notify=never,success", FormatError::Field("Recipient"));
        check("Postroom-Recipient", "Postroom-Recipients", FormatError::Field("Recipient"));
        check(
            "anna@contoso.com\r\n",
            "anna@contoso.com\r\nReceived: from\r\n",
            FormatError::Surplus,
        );
        check("anna@contoso.com\r\n", "anna@contoso.com\n", FormatError::Field("Recipient"));
    }

    #[test]
    fn an_envelope_without_recipients_or_beyond_the_limit_heads_no_file() {
        let mut envelope = parse(&sample()).unwrap();
        envelope.via.helo = "x".repeat(ENVELOPE_LIMIT);
        assert_eq!(render(&envelope), Err(FormatError::TooLong));
        envelope.recipients.clear();
        assert_eq!(render(&envelope), Err(FormatError::Field("Recipient")));
    }
}
