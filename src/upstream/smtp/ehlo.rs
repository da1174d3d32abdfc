//! The extensions in a server's answer to `EHLO` (RFC 5321 4.1.1.1), and the MAIL and RCPT commands
//! that use them. Pure.

use std::fmt::Write as _;

use crate::{
    message::Text,
    model::{BodyKind, Notify, Recipient, ReturnContent, ReversePath},
    upstream::handover::Handover,
};

/// The extensions that the client uses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::upstream) struct Offers {
    /// STARTTLS (RFC 3207).
    pub(in crate::upstream) starttls: bool,
    /// PIPELINING (RFC 2920).
    pub(in crate::upstream) pipelining: bool,
    /// SIZE (RFC 1870). Its limit is not used: the server itself refuses a `SIZE=` above the limit,
    /// in its own words.
    pub(in crate::upstream) size: bool,
    /// 8BITMIME (RFC 6152).
    pub(in crate::upstream) eight_bit: bool,
    /// SMTPUTF8 (RFC 6531).
    pub(in crate::upstream) smtputf8: bool,
    /// DSN (RFC 3461).
    pub(in crate::upstream) dsn: bool,
    /// The AUTH mechanisms in upper case (RFC 4954).
    pub(in crate::upstream) mechanisms: Vec<String>,
}

impl Offers {
    /// Reads the lines of the answer. The first line is the greeting.
    pub(in crate::upstream) fn read(lines: &[String]) -> Self {
        let mut offers = Self::default();
        for line in lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let (keyword, parameters) = line.split_once([' ', '=']).unwrap_or((&line, ""));
            match keyword {
                "STARTTLS" => offers.starttls = true,
                "PIPELINING" => offers.pipelining = true,
                "SIZE" => offers.size = true,
                "8BITMIME" => offers.eight_bit = true,
                "SMTPUTF8" => offers.smtputf8 = true,
                "DSN" => offers.dsn = true,
                // "AUTH=LOGIN" is the form from before RFC 2554. Some servers still send both.
                "AUTH" => {
                    offers.mechanisms.extend(parameters.split_whitespace().map(str::to_owned));
                }
                _unknown => {}
            }
        }
        offers
    }

    /// Makes envelope and text such that the server can take them.
    pub(in crate::upstream) fn suit<T: Text>(&self, envelope: &mut Handover<()>, text: &mut T) {
        if text.is_eight_bit() {
            if !self.eight_bit {
                text.encode_eight_bit();
                envelope.size = text.size();
            }
            // RFC 6152 2: whatever the device declared.
            envelope.parameters.body = BodyKind::EightBitMime;
        }
        if !self.smtputf8 {
            // RFC 5891 4: only a local part beyond ASCII has no other form.
            if let ReversePath::Mailbox(sender) = &mut envelope.sender {
                *sender = sender.in_ascii().unwrap_or_else(|| sender.clone());
            }
            for recipient in &mut envelope.recipients {
                if let Some(ascii) = recipient.address.in_ascii() {
                    recipient.address = ascii;
                }
            }
        }
    }

    /// Appends the `MAIL FROM` command to `out`.
    pub(in crate::upstream) fn mail(&self, envelope: &Handover<()>, out: &mut String) {
        let _infallible = write!(out, "MAIL FROM:<{}>", envelope.sender);
        if self.size {
            let _infallible = write!(out, " SIZE={}", envelope.size);
        }
        // RFC 6152 3 wants 8-bit text converted or returned when 8BITMIME is not offered. It is
        // converted, unless it is sealed: then it goes unchanged, because servers have been 8-bit
        // clean for decades, and a conversion would break the seal.
        if self.eight_bit && envelope.parameters.body == BodyKind::EightBitMime {
            out.push_str(" BODY=8BITMIME");
        }
        if self.smtputf8 && envelope.needs_smtputf8() {
            out.push_str(" SMTPUTF8");
        }
        if self.dsn {
            match envelope.parameters.ret {
                Some(ReturnContent::Full) => out.push_str(" RET=FULL"),
                Some(ReturnContent::Headers) => out.push_str(" RET=HDRS"),
                None => {}
            }
            if let Some(envid) =
                envelope.parameters.envid.as_deref().filter(|envid| is_parameter(envid))
            {
                let _infallible = write!(out, " ENVID={envid}");
            }
        }
        out.push_str("\r\n");
    }

    /// Appends the `RCPT TO` command to `out`.
    pub(in crate::upstream) fn rcpt(&self, recipient: &Recipient, out: &mut String) {
        let _infallible = write!(out, "RCPT TO:<{}>", recipient.address);
        if self.dsn {
            if let Some(notify) = recipient.notify {
                out.push_str(" NOTIFY=");
                out.push_str(&conditions(notify));
            }
            if let Some(orcpt) = recipient.orcpt.as_deref().filter(|orcpt| is_parameter(orcpt)) {
                let _infallible = write!(out, " ORCPT={orcpt}");
            }
        }
        out.push_str("\r\n");
    }
}

/// RFC 3461 4.1: the value is `NEVER` or a list of conditions.
fn conditions(notify: Notify) -> String {
    let named = [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")];
    let wanted =
        named.iter().filter(|(wanted, _)| *wanted).map(|(_, name)| *name).collect::<Vec<_>>();
    if wanted.is_empty() { "NEVER".to_owned() } else { wanted.join(",") }
}

/// RFC 5321 4.1.2: a parameter value has no blanks and no control characters. Values from a device
/// are not trusted to comply.
fn is_parameter(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|octet| octet.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MailParameters, ReversePath};

    const EXCHANGE: &str = "SY5P282CA0097.outlook.office365.com Hello [172.105.184.101]|SIZE \
        157286400|PIPELINING|DSN|ENHANCEDSTATUSCODES|AUTH LOGIN \
        XOAUTH2|8BITMIME|BINARYMIME|CHUNKING|SMTPUTF8";

    fn read(answer: &str) -> Offers {
        Offers::read(&answer.split('|').map(str::to_owned).collect::<Vec<_>>())
    }

    fn recipient(address: &str) -> Recipient {
        Recipient::new(address.parse().unwrap())
    }

    #[test]
    fn the_answer_of_exchange_online_is_understood() {
        let offers = read(EXCHANGE);
        assert_eq!(
            offers,
            Offers {
                starttls: false,
                pipelining: true,
                size: true,
                eight_bit: true,
                smtputf8: true,
                dsn: true,
                mechanisms: vec!["LOGIN".to_owned(), "XOAUTH2".to_owned()],
            }
        );
    }

    #[test]
    fn odd_answers_are_understood_as_far_as_they_go() {
        assert_eq!(read("STARTTLS"), Offers::default(), "the first line is a greeting");
        assert_eq!(read("x|auth=plain login|starttls|").mechanisms, ["PLAIN", "LOGIN"]);
        assert!(read("x|StartTLS").starttls);
    }

    /// A text with octets above 127, until they are encoded.
    struct EightBit(bool);

    impl Text for EightBit {
        fn size(&self) -> u64 {
            if self.0 { 10 } else { 20 }
        }

        fn is_eight_bit(&self) -> bool {
            self.0
        }

        fn encode_eight_bit(&mut self) {
            self.0 = false;
        }

        async fn read(&mut self, _buffer: &mut Vec<u8>) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// `MAIL` and `RCPT` for a device that declared nothing.
    fn suited(offers: &Offers, sender: &str, to: &str, text: &mut EightBit) -> String {
        let mut envelope = Handover {
            sender: ReversePath::Mailbox(sender.parse().unwrap()),
            recipients: vec![recipient(to)],
            size: text.size(),
            parameters: MailParameters::default(),
            earlier: crate::upstream::Earlier::None,
            text: (),
        };
        offers.suit(&mut envelope, text);
        let mut out = String::new();
        offers.mail(&envelope, &mut out);
        envelope.recipients.iter().for_each(|to| offers.rcpt(to, &mut out));
        out
    }

    #[test]
    fn eight_bit_text_is_declared_or_encoded_whatever_the_device_said() {
        let mut text = EightBit(true);
        assert_eq!(
            suited(&read("x|SIZE|8BITMIME"), "a@b.example", "c@d.example", &mut text),
            "MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME\r\nRCPT TO:<c@d.example>\r\n"
        );
        assert!(text.0);
        assert_eq!(
            suited(&read("x|SIZE"), "a@b.example", "c@d.example", &mut text),
            "MAIL FROM:<a@b.example> SIZE=20\r\nRCPT TO:<c@d.example>\r\n"
        );
        assert!(!text.0);
    }

    #[test]
    fn a_domain_beyond_ascii_is_written_in_ascii_where_smtputf8_is_not_offered() {
        let lines = |answer: &str| {
            suited(&read(answer), "a@bücher.example", "ü@bücher.example", &mut EightBit(false))
        };
        assert_eq!(
            lines("x"),
            "MAIL FROM:<a@xn--bcher-kva.example>\r\nRCPT TO:<ü@bücher.example>\r\n"
        );
        assert_eq!(
            lines("x|SMTPUTF8"),
            "MAIL FROM:<a@bücher.example> SMTPUTF8\r\nRCPT TO:<ü@bücher.example>\r\n"
        );
    }

    #[test]
    fn parameters_are_given_only_where_they_were_offered() {
        let mut to = recipient("ann@contoso.com");
        to.notify = Some(Notify { success: true, failure: true, delay: false });
        to.orcpt = Some("rfc822;ann@contoso.com".to_owned());
        let handover = Handover {
            sender: ReversePath::Mailbox("scän@contoso.com".parse().unwrap()),
            recipients: vec![to.clone()],
            size: 1234,
            parameters: MailParameters {
                body: BodyKind::EightBitMime,
                smtputf8: true,
                ret: Some(ReturnContent::Headers),
                envid: Some("QQ314159".to_owned()),
            },
            earlier: crate::upstream::Earlier::None,
            text: (),
        };
        let lines = |offers: &Offers| {
            let mut out = String::new();
            offers.mail(&handover, &mut out);
            offers.rcpt(&to, &mut out);
            out
        };
        assert_eq!(
            lines(&Offers::default()),
            "MAIL FROM:<scän@contoso.com>\r\nRCPT TO:<ann@contoso.com>\r\n"
        );
        assert_eq!(
            lines(&read(EXCHANGE)),
            "MAIL FROM:<scän@contoso.com> SIZE=1234 BODY=8BITMIME SMTPUTF8 RET=HDRS \
            ENVID=QQ314159\r\nRCPT TO:<ann@contoso.com> NOTIFY=SUCCESS,FAILURE \
            ORCPT=rfc822;ann@contoso.com\r\n"
        );
    }

    #[test]
    fn a_parameter_cannot_smuggle_a_command() {
        let mut to = recipient("ann@contoso.com");
        to.notify = Some(Notify::default());
        to.orcpt = Some("rfc822;x\r\nRCPT TO:<eve@example.com>".to_owned());
        let mut out = String::new();
        read(EXCHANGE).rcpt(&to, &mut out);
        assert_eq!(out, "RCPT TO:<ann@contoso.com> NOTIFY=NEVER\r\n");
    }
}
