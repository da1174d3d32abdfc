//! Deviations of devices from the standards that Postroom tolerates.

use serde::{Deserialize, Serialize};

/// Something odd about a device, noted once and shown to the administrator. `docs/quirks.md`
/// explains each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quirk {
    /// `HELO` or `EHLO` without a name, or with one that RFC 5321 does not allow.
    OddHelo,
    /// A path without angle brackets, or with blanks or comments around the address.
    OddPath,
    /// A parameter that we do not know, or a `SIZE` that is not a number.
    OddParameter,
    /// A command line ended by a bare LF.
    BareLfCommand,
    /// Text with a bare LF or a bare CR; each became CRLF.
    BareLineEnd,
    /// A NUL in the text; it was dropped.
    NulInText,
    /// Text lines over 998 octets (RFC 5321 4.5.3.1.6).
    LongLine,
    /// `<LF>.<LF>` taken as end of data.
    LoneLfEndOfData,
    /// Commands sent ahead without `PIPELINING` having been offered (RFC 2920 3.1).
    UnannouncedPipelining,
    /// No second `EHLO` after STARTTLS (RFC 3207 4.2).
    NoEhloAfterTls,
    /// AUTH after `HELO` (RFC 4954 4).
    AuthAfterHelo,
    /// The connection ended without `QUIT`.
    NoQuit,
    /// A ClientHello before the banner on a port that is not for implicit TLS.
    EarlyTls,
    /// Something sent before the banner.
    EarlyTalker,
    /// A message without a header, or without an empty line after it.
    NoHeader,
    /// Something before the first field: the separator of an mbox file, or blanks.
    OddFirstLine,
    /// A header without a sender, a date, a Message-ID, a recipient, or the version of MIME.
    MissingFields,
    /// A date that nobody can read, a Message-ID that is none, a second field where one may stand.
    MalformedFields,
    /// A `To:`, `Cc:` or `Bcc:` that is not a list of mailboxes (RFC 5322 3.6.3).
    MalformedTo,
    /// A `From:` that is not a mailbox (RFC 5322 3.6.2).
    MalformedFrom,
    /// A field that must not leave: `Bcc:`, `Return-Path:` and their like.
    PrivateFields,
    /// Several mailboxes in `From:`.
    SeveralFrom,
    /// 8-bit text in the header, which is neither encoded (RFC 2047) nor announced (RFC 6532).
    EightBitHeader,
    /// An empty line inside the header: its other half has become text.
    BrokenHeader,
    /// A part of a message that was split by size (RFC 2046 5.2.2).
    PartialMessage,
}

impl Quirk {
    /// Every quirk there is.
    pub const ALL: [Self; 25] = [
        Self::OddHelo,
        Self::OddPath,
        Self::OddParameter,
        Self::BareLfCommand,
        Self::BareLineEnd,
        Self::NulInText,
        Self::LongLine,
        Self::LoneLfEndOfData,
        Self::UnannouncedPipelining,
        Self::NoEhloAfterTls,
        Self::AuthAfterHelo,
        Self::NoQuit,
        Self::EarlyTls,
        Self::EarlyTalker,
        Self::NoHeader,
        Self::OddFirstLine,
        Self::MissingFields,
        Self::MalformedFields,
        Self::MalformedTo,
        Self::MalformedFrom,
        Self::PrivateFields,
        Self::SeveralFrom,
        Self::EightBitHeader,
        Self::BrokenHeader,
        Self::PartialMessage,
    ];

    /// Its name in the console, the API and `docs/quirks.md`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OddHelo => "odd_helo",
            Self::OddPath => "odd_path",
            Self::OddParameter => "odd_parameter",
            Self::BareLfCommand => "bare_lf_command",
            Self::BareLineEnd => "bare_line_end",
            Self::NulInText => "nul_in_text",
            Self::LongLine => "long_line",
            Self::LoneLfEndOfData => "lone_lf_end_of_data",
            Self::UnannouncedPipelining => "unannounced_pipelining",
            Self::NoEhloAfterTls => "no_ehlo_after_tls",
            Self::AuthAfterHelo => "auth_after_helo",
            Self::NoQuit => "no_quit",
            Self::EarlyTls => "early_tls",
            Self::EarlyTalker => "early_talker",
            Self::NoHeader => "no_header",
            Self::OddFirstLine => "odd_first_line",
            Self::MissingFields => "missing_fields",
            Self::MalformedFields => "malformed_fields",
            Self::MalformedTo => "malformed_to",
            Self::MalformedFrom => "malformed_from",
            Self::PrivateFields => "private_fields",
            Self::SeveralFrom => "several_from",
            Self::EightBitHeader => "eight_bit_header",
            Self::BrokenHeader => "broken_header",
            Self::PartialMessage => "partial_message",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quirk_is_stored_by_its_name() {
        for quirk in Quirk::ALL {
            assert_eq!(serde_json::to_value(quirk).unwrap(), quirk.name());
        }
    }

    #[test]
    fn every_quirk_is_explained_to_the_administrator_and_no_other() {
        let page = include_str!("../../../../docs/quirks.md");
        let explained: Vec<&str> =
            page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        assert_eq!(explained, Quirk::ALL.map(Quirk::name));
    }
}
