//! The `Received:` field that heads every accepted message (RFC 5321 4.4).

use std::net::IpAddr;

use crate::model::{Envelope, Recipient, Via};

/// The field, folded, with its final CRLF. Names one recipient only if there is one (RFC 5321 7.2).
#[must_use]
pub fn received(envelope: &Envelope, hostname: &str) -> String {
    let Envelope { id, received, via, recipients, .. } = envelope;
    let tls = via.tls.map(|version| format!(" ({})", version.as_str())).unwrap_or_default();
    let mut clauses = match via.peer {
        Some(peer) => vec![
            format!("from {}", client(&via.helo, peer)),
            format!("by {hostname} (Postroom) with {}{tls}", protocol(envelope)),
            format!("id {id}"),
        ],
        None => vec![format!("by {hostname} (Postroom)"), format!("id {id}")],
    };
    if let [Recipient { address, .. }] = recipients.as_slice() {
        clauses.push(format!("for <{address}>"));
    }
    format!("Received: {};\r\n\t{}\r\n", clauses.join("\r\n\t"), received.to_rfc5322())
}

/// RFC 5321 4.4 `Extended-Domain`: what the client said, then what we know.
fn client(helo: &str, peer: IpAddr) -> String {
    let literal = match peer.to_canonical() {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    };
    // The name ends up in a header field, so it is made harmless here, whatever was done to it
    // before.
    let harmless =
        |c: char| if c.is_ascii_alphanumeric() || "-._:[]/+=@~#?".contains(c) { c } else { '?' };
    let name: String = helo.chars().map(harmless).collect();
    if name.is_empty() { format!("{literal} ({literal})") } else { format!("{name} ({literal})") }
}

/// RFC 3848 and RFC 6531 4.3.
fn protocol(envelope: &Envelope) -> String {
    let Via { esmtp, tls, user, .. } = &envelope.via;
    // AUTH and TLS are extensions: whoever uses one speaks ESMTP, even after HELO.
    let base = match (envelope.parameters.smtputf8, *esmtp || tls.is_some() || user.is_some()) {
        (true, _) => "UTF8SMTP",
        (false, true) => "ESMTP",
        (false, false) => "SMTP",
    };
    let encrypted = if tls.is_some() { "S" } else { "" };
    let authenticated = if user.is_some() { "A" } else { "" };
    format!("{base}{encrypted}{authenticated}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MailParameters, MessageId, ReversePath, Timestamp, TlsVersion};

    fn envelope() -> Envelope {
        let received = Timestamp::from_millis(1_741_548_328_007);
        Envelope {
            id: MessageId::new(received, 7),
            received,
            device: "printers".into(),
            via: Via {
                peer: Some([192, 168, 10, 5].into()),
                helo: "mfp1.contoso.lan".to_owned(),
                esmtp: true,
                tls: None,
                user: None,
            },
            sender: ReversePath::Null,
            recipients: vec![Recipient::new("it@contoso.com".parse().unwrap())],
            parameters: MailParameters::default(),
        }
    }

    fn unfolded(envelope: &Envelope) -> String {
        let field = received(envelope, "postroom.contoso.lan");
        assert!(field.ends_with("\r\n"));
        assert!(field.lines().all(|line| line.len() <= 78), "{field}");
        field.trim_end().replace("\r\n\t", " ")
    }

    #[test]
    fn the_field_says_who_gave_what_to_whom_and_when() {
        assert_eq!(
            received(&envelope(), "postroom.contoso.lan"),
            "Received: from mfp1.contoso.lan ([192.168.10.5])\r\n\tby postroom.contoso.lan \
            (Postroom) with ESMTP\r\n\tid 01ilu5t5270000000007\r\n\tfor \
            <it@contoso.com>;\r\n\tSun, 9 Mar 2025 19:25:28 +0000\r\n"
        );
    }

    #[test]
    fn the_protocol_has_its_registered_name() {
        for (esmtp, tls, user, smtputf8, name) in [
            (false, None, None, false, "SMTP"),
            (true, None, None, false, "ESMTP"),
            (true, Some(TlsVersion::Tls13), None, false, "ESMTPS (tls1.3)"),
            (true, None, Some("mfp1"), false, "ESMTPA"),
            (true, Some(TlsVersion::Ssl3), Some("mfp1"), false, "ESMTPSA (ssl3)"),
            (false, None, Some("mfp1"), false, "ESMTPA"),
            (true, None, None, true, "UTF8SMTP"),
            (true, Some(TlsVersion::Tls12), Some("mfp1"), true, "UTF8SMTPSA (tls1.2)"),
        ] {
            let mut envelope = envelope();
            envelope.via = Via { esmtp, tls, user: user.map(str::to_owned), ..envelope.via };
            envelope.parameters.smtputf8 = smtputf8;
            let field = unfolded(&envelope);
            assert!(field.contains(&format!(" with {name} id ")), "{field}");
        }
    }

    #[test]
    fn only_a_lone_recipient_is_named() {
        let mut envelope = envelope();
        envelope.recipients.push(Recipient::new("boss@contoso.com".parse().unwrap()));
        assert!(!unfolded(&envelope).contains(" for "));
    }

    #[test]
    fn a_greeting_cannot_write_into_the_header() {
        let mut envelope = envelope();
        envelope.via.helo = "x\r\nBcc: <a@b>\r\n(".to_owned();
        assert!(
            unfolded(&envelope).starts_with("Received: from x??Bcc:??a@b???? ([192.168.10.5]) by ")
        );
        envelope.via.helo = String::new();
        envelope.via.peer = Some("fe80::1".parse().unwrap());
        assert!(
            unfolded(&envelope).starts_with("Received: from [IPv6:fe80::1] ([IPv6:fe80::1]) by ")
        );
        envelope.via.peer = Some("::ffff:10.0.0.1".parse().unwrap());
        assert!(unfolded(&envelope).starts_with("Received: from [10.0.0.1] ([10.0.0.1]) by "));
    }

    #[test]
    fn mail_of_our_own_comes_from_nobody() {
        let mut envelope = envelope();
        envelope.via = Via { peer: None, helo: String::new(), esmtp: false, tls: None, user: None };
        assert!(
            unfolded(&envelope).starts_with("Received: by postroom.contoso.lan (Postroom) id ")
        );
    }
}
