//! The faults of an attempt as facts. The sentences for people are made here and nowhere else; no
//! code reads these sentences to find out what happened.

use std::{io::ErrorKind, net::SocketAddr};

use thiserror::Error;

use crate::{
    classify::{login_fault::LoginFault, token::TokenTrouble},
    model::{Fingerprint, Reply, Timestamp},
};

/// What ended an attempt: a reply, or something that went wrong.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Fault {
    /// The server answered.
    #[error("{0}")]
    Reply(Reply),
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The server sent nothing in time.
    #[error("no answer in time")]
    TimedOut,
    /// Postroom itself found the reason why it cannot go on.
    #[error(transparent)]
    Local(#[from] LocalFault),
}

/// Why an attempt cannot continue, where no server gave the reason.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LocalFault {
    /// A name could not be resolved.
    #[error(transparent)]
    Dns(#[from] DnsFault),
    /// The TCP connection failed.
    #[error(transparent)]
    Tcp(#[from] TcpFault),
    /// TLS failed, or a certificate of either side is unacceptable.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// The server does not keep to SMTP.
    #[error(transparent)]
    Smtp(#[from] SmtpFault),
    /// The login cannot be made.
    #[error(transparent)]
    Login(#[from] LoginFault),
    /// There is no access token.
    #[error(transparent)]
    Token(#[from] TokenTrouble),
    /// The text of the message cannot be read from the spool.
    #[error("the message could not be read from disk: {0}")]
    UnreadableText(String),
}

/// Why DNS gives no usable answer.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DnsFault {
    /// The account's own server cannot be found.
    #[error("the server's name cannot be resolved: \"{host}\": {reason}")]
    Unresolved {
        /// The name that was looked up.
        host: String,
        /// The reason.
        reason: Unresolved,
    },
    /// The recipients' domain does not exist.
    #[error("there is no such mail domain: {0} does not exist")]
    NoSuchDomain(String),
    /// The recipients' domain has neither a mail server nor an address.
    #[error("there is no such mail domain: {0} has neither a mail server nor an address")]
    NoMailServer(String),
    /// The recipients' domain has a null MX (RFC 7505).
    #[error("the domain takes no mail: {0} says so")]
    NullMx(String),
    /// The servers of the domain's zone fail, or what they say does not pass DNSSEC.
    #[error("the domain cannot be looked up: {domain}: {reason}")]
    Broken {
        /// The recipients' domain.
        domain: String,
        /// In the words of the resolver.
        reason: String,
    },
    /// Our own DNS server does not answer.
    #[error("the DNS server does not answer: {domain}: {reason}")]
    Silent {
        /// The recipients' domain.
        domain: String,
        /// In the words of the resolver.
        reason: String,
    },
    /// The domain's best mail server is this machine: mail would loop.
    #[error("the domain's mail server is this machine itself: {0}")]
    Ourselves(String),
}

/// Why the name of the account's server has no address.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Unresolved {
    /// DNS knows the name, but has no address for it.
    #[error("it has no address")]
    NoAddress,
    /// The resolver reports an error, in its words.
    #[error("{0}")]
    Refused(String),
    /// The resolver does not answer.
    #[error("no answer from DNS in time")]
    TimedOut,
}

/// Why a query to DNS has no answer.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LookupFault {
    /// The name does not exist.
    #[error("the name does not exist")]
    NoName,
    /// The name has no record of this kind.
    #[error("the name has no such record")]
    NoRecord,
    /// The domain's servers fail, or what they say is not what was signed.
    #[error("{0}")]
    Broken(String),
    /// Our DNS server does not answer.
    #[error("{0}")]
    Silent(String),
}

/// Why there is no TCP connection.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum TcpFault {
    /// No program listens on that port.
    #[error("{address}: {text}")]
    Refused {
        /// The address that was tried last.
        address: SocketAddr,
        /// In the words of the operating system.
        text: String,
    },
    /// There is no route to the address.
    #[error("{address}: {text}")]
    Unreachable {
        /// The address that was tried last.
        address: SocketAddr,
        /// In the words of the operating system.
        text: String,
    },
    /// The connection cannot be made for another reason.
    #[error("{address}: {text}")]
    NotConnected {
        /// The address that was tried last.
        address: SocketAddr,
        /// The kind of the error.
        kind: ErrorKind,
        /// In the words of the operating system.
        text: String,
    },
    /// A connection that was there has failed.
    #[error("{text}")]
    Broken {
        /// The kind of the error.
        kind: ErrorKind,
        /// In the words of the operating system.
        text: String,
    },
    /// None of the domain's mail servers can be reached.
    #[error("no mail server of the domain can be reached: {domain}: {}", joined(.servers))]
    NoServer {
        /// The recipients' domain.
        domain: String,
        /// The servers, each with its reason.
        servers: Vec<ServerFault>,
    },
}

/// What is wrong with TLS or a certificate.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum TlsFault {
    /// The server's certificate has expired.
    #[error("the server's certificate has expired{}", dated(": it ended at", .ended))]
    Expired {
        /// The time at which it expired, if known.
        ended: Option<Timestamp>,
    },
    /// The server's certificate is not valid yet.
    #[error("the server's certificate is not valid yet{}", dated(": it begins at", .begins))]
    NotYetValid {
        /// The time from which it is valid, if known.
        begins: Option<Timestamp>,
    },
    /// The server's certificate is for another name.
    #[error("the server's certificate is for another name{}", named(.asked, .presented))]
    WrongName {
        /// The name that was connected to, if known.
        asked: Option<String>,
        /// The names in the certificate.
        presented: Vec<String>,
    },
    /// The issuer of the server's certificate is not trusted.
    #[error("the server's certificate comes from an issuer that is not trusted")]
    UnknownIssuer,
    /// The issuer has the name of a trusted one, but another key.
    #[error(
        "the server's certificate names an issuer that is trusted, and was not signed by it but \
        by another of the same name"
    )]
    OtherIssuer,
    /// DANE does not confirm the server's certificate (RFC 7672).
    #[error("the server's certificate is not the one that its domain has recorded (DANE)")]
    NotRecorded,
    /// The server's certificate is not the one that the account's `fingerprint` names.
    #[error("the server's certificate is not the one that fingerprint names; it is {found}")]
    NotPinned {
        /// What the server has shown.
        found: Fingerprint,
    },
    /// The server shows the certificate of an authority.
    #[error("the server shows the certificate of an authority, which is not for servers")]
    Authority,
    /// The server shows a certificate in the form of X.509 v1, which has no names.
    #[error("the server's certificate has an old form (X.509 v1)")]
    OldForm,
    /// The server's certificate is unacceptable for another reason.
    #[error("the server's certificate is not acceptable: {0}")]
    BadCertificate(String),
    /// Both sides have no version or no cipher in common. The text is that of rustls.
    #[error("the server offers nothing newer than TLS 1.1, or no cipher that is still safe ({0})")]
    NoCommonVersion(String),
    /// The server did not answer with TLS. The text is that of rustls.
    #[error("the server did not answer with TLS ({0})")]
    NotTls(String),
    /// The server does not offer STARTTLS, or a device on the path hides the offer.
    #[error("the server does not offer STARTTLS")]
    NotOffered,
    /// Plaintext came before the handshake (CVE-2011-0411).
    #[error("something was sent in the clear behind the answer to STARTTLS")]
    AheadOfTls,
    /// Our own certificate or its key cannot be used.
    #[error("the client certificate cannot be used: {0}")]
    ClientCertificate(String),
    /// None of the domain's mail servers offers the required TLS.
    #[error(
        "no mail server of the domain is as safe as is asked for: {domain}: {}",
        joined(.servers)
    )]
    NotAsSafe {
        /// The recipients' domain.
        domain: String,
        /// The servers, each with its reason.
        servers: Vec<ServerFault>,
    },
    /// The configured host cannot be named in a handshake.
    #[error("\"{0}\" is neither a DNS name nor an address")]
    NotAName(String),
    /// Another error of the handshake. The text is that of rustls.
    #[error("{0}")]
    Other(String),
}

/// Why one of several mail servers was passed over.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{host}: {reason}")]
pub struct ServerFault {
    /// The server, as the domain's MX record names it.
    pub host: String,
    /// What the server failed with.
    pub reason: ServerReason,
}

/// Why a mail server was passed over.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ServerReason {
    /// It has no address.
    #[error(transparent)]
    Address(LookupFault),
    /// The connection failed.
    #[error("{0}")]
    Connection(Box<Fault>),
    /// The domain is signed, but the records about the server's certificate cannot be looked up.
    #[error("its TLSA records cannot be had: {0}")]
    Tlsa(LookupFault),
    /// The domain's policy does not name it (RFC 8461 4.1).
    #[error("it is not in the domain's MTA-STS policy")]
    NotInPolicy,
    /// TLS failed.
    #[error("the TLS handshake failed: {0}")]
    Handshake(Box<Fault>),
    /// TLS failed for a reason that speaks for itself.
    #[error(transparent)]
    Tls(TlsFault),
}

/// How the server breaks SMTP.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SmtpFault {
    /// A line that cannot be a reply. Usually the server speaks another protocol.
    #[error("the server said something that is not SMTP: {0}")]
    NotAReply(String),
    /// A reply that exceeds the limit.
    #[error("the server's reply is longer than {limit} octets")]
    TooLong {
        /// The octets that were read.
        limit: usize,
    },
}

impl From<DnsFault> for Fault {
    fn from(fault: DnsFault) -> Self {
        Self::Local(fault.into())
    }
}

impl From<TcpFault> for Fault {
    fn from(fault: TcpFault) -> Self {
        Self::Local(fault.into())
    }
}

impl From<TlsFault> for Fault {
    fn from(fault: TlsFault) -> Self {
        Self::Local(fault.into())
    }
}

impl From<SmtpFault> for Fault {
    fn from(fault: SmtpFault) -> Self {
        Self::Local(fault.into())
    }
}

impl From<LoginFault> for Fault {
    fn from(fault: LoginFault) -> Self {
        Self::Local(fault.into())
    }
}

impl From<TokenTrouble> for Fault {
    fn from(fault: TokenTrouble) -> Self {
        Self::Local(fault.into())
    }
}

fn joined(servers: &[ServerFault]) -> String {
    servers.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn dated(words: &str, at: &Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| format!("{words} {}", at.to_rfc3339()))
}

fn named(asked: &Option<String>, presented: &[String]) -> String {
    let Some(asked) = asked else { return String::new() };
    let names = if presented.is_empty() {
        "no host (it has no alternative name)".to_owned()
    } else {
        presented.join(", ")
    };
    format!(": \"{asked}\" was asked for, it is for {names}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_in_sentences() {
        let expired = TlsFault::Expired { ended: Some(Timestamp::from_millis(1_700_000_000_000)) };
        let wrong = TlsFault::WrongName {
            asked: Some("mail.contoso.com".to_owned()),
            presented: vec!["a.example.com".to_owned(), "b.example.com".to_owned()],
        };
        let no_server = TcpFault::NoServer {
            domain: "contoso.de".to_owned(),
            servers: vec![
                ServerFault {
                    host: "mx1.contoso.de".to_owned(),
                    reason: ServerReason::Connection(Box::new(Fault::TimedOut)),
                },
                ServerFault {
                    host: "mx2.contoso.de".to_owned(),
                    reason: ServerReason::Address(LookupFault::NoName),
                },
            ],
        };
        let mechanism = LoginFault::NoMechanism { mechanism: "LOGIN", offered: Vec::new() };
        for (fault, words) in [
            (
                Fault::from(expired),
                "the server's certificate has expired: it ended at 2023-11-14T22:13:20.000Z",
            ),
            (
                TlsFault::NotYetValid { begins: None }.into(),
                "the server's certificate is not valid yet",
            ),
            (
                wrong.into(),
                "the server's certificate is for another name: \"mail.contoso.com\" was asked \
                for, it is for a.example.com, b.example.com",
            ),
            (
                no_server.into(),
                "no mail server of the domain can be reached: contoso.de: mx1.contoso.de: no \
                answer in time; mx2.contoso.de: the name does not exist",
            ),
            (mechanism.into(), "the server does not offer AUTH LOGIN; it offers none"),
        ] {
            assert_eq!(fault.to_string(), words);
        }
    }
}
