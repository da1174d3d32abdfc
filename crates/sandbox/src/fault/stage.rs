//! The stages at which a fault can strike, and the plain effects that each stage supports.

/// The stage of the conversation at which a fault strikes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    /// The answer of the token endpoint.
    Token,
    /// The banner.
    Greeting,
    /// The answer to EHLO.
    Ehlo,
    /// The answer to STARTTLS.
    StartTls,
    /// The TLS handshake.
    Tls,
    /// The last answer of AUTH.
    Auth,
    /// The answer to `MAIL FROM`.
    Mail,
    /// The answer to `RCPT TO`.
    Rcpt,
    /// The answer to `DATA`.
    Data,
    /// In the middle of the text.
    Body,
    /// The answer to end of data.
    Eod,
    /// The answer to QUIT.
    Quit,
    /// The answer of Microsoft Graph to a message.
    Graph,
}

impl Stage {
    /// All stages, in the order of a session.
    pub const ALL: [Self; 13] = [
        Self::Token,
        Self::Greeting,
        Self::Ehlo,
        Self::StartTls,
        Self::Tls,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Body,
        Self::Eod,
        Self::Quit,
        Self::Graph,
    ];

    /// The word with which a fault's name begins.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::StartTls => "starttls",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Body => "body",
            Self::Eod => "eod",
            Self::Quit => "quit",
            Self::Graph => "graph",
        }
    }

    /// The address that can choose a fault at this stage.
    #[must_use]
    pub const fn chosen_by(self) -> &'static str {
        match self {
            Self::Token | Self::Greeting | Self::Ehlo | Self::StartTls | Self::Tls | Self::Quit => {
                "control API"
            }
            Self::Auth => "user name",
            Self::Mail => "sender",
            Self::Rcpt => "recipient",
            Self::Data | Self::Body | Self::Eod | Self::Graph => "recipient or sender",
        }
    }

    /// Whether this stage supports a plain `<stage>-<effect>` name.
    pub(super) const fn takes(self, plain: Plain) -> bool {
        match (self, plain) {
            (Self::Token, Plain::Drop | Plain::Reset | Plain::Slow)
            | (Self::Tls, Plain::Code | Plain::Slow)
            | (Self::Body, Plain::Slow | Plain::Garbage)
            | (Self::Graph, Plain::Slow) => false,
            (
                _,
                Plain::Code
                | Plain::Drop
                | Plain::Reset
                | Plain::Silence
                | Plain::Slow
                | Plain::Garbage,
            ) => true,
        }
    }
}

/// The effects that every stage knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Plain {
    Code,
    Drop,
    Reset,
    Silence,
    Slow,
    Garbage,
}
