//! The stages of an attempt.

use std::fmt;

use crate::{
    classify::{
        place::Place,
        verdict::{Concern, Outcome, Probe, Verdict},
    },
    model::Reply,
};

/// Where in an attempt something happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Name resolution and TCP.
    Connect,
    /// The TLS handshake, implicit or after STARTTLS.
    Tls,
    /// The server's greeting.
    Greeting,
    /// EHLO, before or after TLS, and STARTTLS.
    Ehlo,
    /// Reading the password or requesting the token.
    Token,
    /// The login: `AUTH` and its responses.
    Auth,
    /// `MAIL FROM`.
    MailFrom,
    /// `RCPT TO`.
    RcptTo,
    /// `DATA`.
    Data,
    /// While text was being sent: the server cannot have seen the end of data.
    Body,
    /// From the final dot on. Without a reply, it is unknown whether the server has the message.
    EndOfData,
}

impl Stage {
    /// The fixed word of the log and of notices.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::Token => "token",
            Self::Auth => "auth",
            Self::MailFrom => "mail_from",
            Self::RcptTo => "rcpt_to",
            Self::Data => "data",
            Self::Body => "body",
            Self::EndOfData => "end_of_data",
        }
    }

    /// The place, for the log and for people.
    #[must_use]
    pub const fn place(self) -> Place {
        Place::new(self.as_str())
    }

    /// A verdict at this stage without special properties.
    #[must_use]
    pub fn verdict(
        self,
        concern: Concern,
        outcome: Outcome,
        reply: Option<Reply>,
        advice: &'static str,
    ) -> Verdict {
        let probe = if self.is_about_mail() { Probe::Message } else { Probe::Login };
        Verdict { probe, ..Verdict::plain(self.place(), concern, outcome, reply, advice) }
    }

    /// Whether the message has been mentioned to the server. Before that, everything concerns the
    /// account.
    #[must_use]
    pub const fn is_about_mail(self) -> bool {
        match self {
            Self::Connect | Self::Tls | Self::Greeting | Self::Ehlo | Self::Token | Self::Auth => {
                false
            }
            Self::MailFrom | Self::RcptTo | Self::Data | Self::Body | Self::EndOfData => true,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
