//! An SMTP reply, from us to a device or from an upstream server to us (RFC 5321 4.2, RFC 3463).

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::model::is_invisible;

/// RFC 3463: the class, subject and detail of a status.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnhancedCode(pub u16, pub u16, pub u16);

impl FromStr for EnhancedCode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('.').map(str::parse::<u16>);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(class)), Some(Ok(subject)), Some(Ok(detail)), None) => {
                Ok(Self(class, subject, detail))
            }
            _ => Err(format!("\"{text}\" is not an enhanced status code")),
        }
    }
}

impl TryFrom<String> for EnhancedCode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EnhancedCode> for String {
    fn from(code: EnhancedCode) -> Self {
        code.to_string()
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl fmt::Debug for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One reply: code, enhanced code, text. An upstream's is kept with its lines joined by spaces and
/// cut to [`Reply::TEXT_LIMIT`] octets; our own are the constants of `smtp::reply`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reply {
    /// Three digits.
    pub code: u16,
    /// The enhanced code, if the text begins with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enhanced: Option<EnhancedCode>,
    /// The text after the codes.
    pub text: Cow<'static, str>,
}

impl Reply {
    /// Octets of text kept. Exchange Online has sent refusals of more than 2 KB of hexadecimal
    /// diagnostics.
    pub const TEXT_LIMIT: usize = 1024;

    /// A reply of our own, known at compile time.
    #[must_use]
    pub const fn fixed(code: u16, enhanced: EnhancedCode, text: &'static str) -> Self {
        Self { code, enhanced: Some(enhanced), text: Cow::Borrowed(text) }
    }

    /// A reply of our own, with a text that is made at run time. Control characters become spaces.
    #[must_use]
    pub fn with(code: u16, enhanced: EnhancedCode, text: &str) -> Self {
        Self { code, enhanced: Some(enhanced), text: Cow::Owned(clean(text)) }
    }

    /// Makes a reply from a code and the text after it, which may begin with an enhanced code.
    #[must_use]
    pub fn new(code: u16, text: &str) -> Self {
        let text = text.trim();
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (enhanced, text) = match first.parse::<EnhancedCode>() {
            Ok(enhanced) => (Some(enhanced), rest.trim_start()),
            Err(_no_code) => (None, text),
        };
        Self { code, enhanced, text: Cow::Owned(clean(text)) }
    }

    /// Whether the code is 2yz (RFC 5321 4.2.1).
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// Whether the code is 4yz: the same may succeed later (RFC 5321 4.2.1).
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// Whether the code is 5yz: the server says that the same will never succeed. Exchange Online
    /// also says so for a used-up quota.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }
}

fn clean(text: &str) -> String {
    let end = text.floor_char_boundary(Reply::TEXT_LIMIT);
    let printable = |c: char| if c.is_control() || is_invisible(c) { ' ' } else { c };
    text.get(..end).unwrap_or_default().chars().map(printable).collect()
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        if self.text.is_empty() { Ok(()) } else { write!(f, " {}", self.text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_enhanced_code_is_taken_off_the_text() {
        let reply = Reply::new(
            554,
            "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; …",
        );
        assert_eq!(reply.enhanced, Some(EnhancedCode(5, 2, 0)));
        assert!(reply.is_permanent());
        assert_eq!(
            reply.to_string(),
            "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; …"
        );
        assert_eq!(Reply::new(250, "2.0.0").to_string(), "250 2.0.0");
        assert_eq!(Reply::new(220, "mail.example.com ESMTP").enhanced, None);
    }

    #[test]
    fn a_long_or_dirty_text_is_cut_and_cleaned() {
        let reply = Reply::new(554, &format!("5.2.252 {}", "é".repeat(2000)));
        assert!(reply.text.len() <= Reply::TEXT_LIMIT);
        assert_eq!(Reply::new(500, "a\x1b[31mb").text, "a [31mb");
        assert_eq!(Reply::new(500, "a\u{202E}b").text, "a b");
    }
}
