//! What a fault without a reply means.

use std::time::Duration;

use crate::{
    classify::{
        fault::{DnsFault, Fault, LocalFault, TcpFault, TlsFault},
        login_fault::LoginFault,
        stage::Stage,
        token::{Remedy, TokenTrouble},
        verdict::{
            Outcome::{self, Doubt, Fail, Pause, Retry, Stop},
            Scope,
        },
    },
    model::EnhancedCode,
};

/// The pause between attempts to reach a server that does not answer. The queue makes repeated
/// pauses longer.
const PAUSE: Outcome = Pause(Duration::from_secs(60));

/// One row of this part of the table.
pub(super) struct Finding {
    pub(super) outcome: Outcome,
    pub(super) advice: &'static str,
    /// The codes of the reply in whose form the sender learns of a fault that concerns recipients.
    /// They are those that a server would have used.
    pub(super) codes: Option<(u16, EnhancedCode)>,
    pub(super) scope: Scope,
}

impl Finding {
    const fn new(outcome: Outcome, advice: &'static str) -> Self {
        Self { outcome, advice, codes: None, scope: Scope::NextHop }
    }

    const fn in_the_form_of(self, code: u16, enhanced: EnhancedCode) -> Self {
        Self { codes: Some((code, enhanced)), ..self }
    }

    const fn of_every_next_hop(self) -> Self {
        Self { scope: Scope::EveryNextHop, ..self }
    }
}

pub(super) fn find(stage: Stage, fault: &Fault) -> Finding {
    match fault {
        Fault::Local(fault) => of_our_own(stage, fault),
        Fault::Reply(_) | Fault::Closed | Fault::TimedOut => by_stage(stage),
    }
}

fn of_our_own(stage: Stage, fault: &LocalFault) -> Finding {
    match fault {
        LocalFault::Dns(fault) => of_dns(fault),
        LocalFault::Tcp(TcpFault::NoServer { .. }) => Finding::new(
            PAUSE,
            "None of the domain's mail servers can be reached. Check that the firewall and the \
            internet provider allow outgoing connections on port 25. Many networks block them.",
        )
        .in_the_form_of(451, EnhancedCode(4, 4, 1)),
        LocalFault::Tcp(
            TcpFault::Refused { .. }
            | TcpFault::Unreachable { .. }
            | TcpFault::NotConnected { .. }
            | TcpFault::Broken { .. },
        )
        | LocalFault::Smtp(_) => by_stage(stage),
        LocalFault::Tls(fault) => of_tls(stage, fault),
        LocalFault::Login(fault) => of_login(fault),
        LocalFault::Token(trouble) => of_token(trouble),
        LocalFault::UnreadableText(_) => Finding::new(
            Retry,
            "Postroom could not read the message from the spool. Check the disk that holds \
            data_dir with dmesg and df. The server has not accepted the message. Postroom tries \
            again.",
        ),
    }
}

fn of_dns(fault: &DnsFault) -> Finding {
    match fault {
        DnsFault::Unresolved { .. } => Finding::new(
            PAUSE,
            "The server's name cannot be resolved. Check the account's host and this machine's \
            DNS: resolvectl query <host>.",
        ),
        DnsFault::NoSuchDomain(_) | DnsFault::NoMailServer(_) => Finding::new(
            Fail,
            "The recipient's domain does not exist or has no mail server. Correct the address on \
            the device or the account's domains.",
        )
        .in_the_form_of(550, EnhancedCode(5, 1, 2)),
        // RFC 7505 4.1, 4.2.
        DnsFault::NullMx(_) => Finding::new(
            Fail,
            "The recipient's domain declares in DNS that it does not accept mail. Correct the \
            address on the device or the account's domains.",
        )
        .in_the_form_of(556, EnhancedCode(5, 1, 10)),
        DnsFault::Ourselves(_) => Finding::new(
            Fail,
            "DNS names this machine as the mail server of the recipient's domain, so that mail \
            would loop. Correct the domain's MX record to name the server that holds the \
            mailboxes, or set hostname to this machine's own name.",
        )
        .in_the_form_of(554, EnhancedCode(5, 4, 6)),
        DnsFault::Broken { .. } => Finding::new(
            Retry,
            "The recipient's domain cannot be looked up: its DNS servers fail, or its DNSSEC \
            signatures are not valid. Postroom tries again. If this continues, ask the operator of \
            the domain's DNS to check it: dig +dnssec MX <domain>.",
        )
        .in_the_form_of(451, EnhancedCode(4, 4, 3)),
        DnsFault::Silent { .. } => Finding::new(
            PAUSE,
            "The DNS server does not answer. Check servers in [dns], or this machine's DNS: \
            resolvectl query <domain>.",
        )
        .of_every_next_hop(),
    }
}

fn of_tls(stage: Stage, fault: &TlsFault) -> Finding {
    match fault {
        TlsFault::ClientCertificate(_) => Finding::new(
            Stop,
            "The account's client certificate cannot be used. Check that the certificate and the \
            key exist, belong together, and are readable by the service. postroom check gives \
            details.",
        ),
        TlsFault::NotTls(_) => Finding::new(
            Stop,
            "The server answered the TLS handshake with something that is not TLS. Check that the \
            account's port and tls match: ports 587 and 25 need \"starttls\", port 465 needs \
            \"implicit\".",
        ),
        TlsFault::NotOffered => Finding::new(
            Stop,
            "The server does not offer STARTTLS, and Postroom sends nothing without TLS. If the \
            server should offer it, a device on the path hides it (a firewall's SMTP inspection): \
            turn that off. For a smart host on your own network, allow plaintext with tls = \
            \"none\".",
        ),
        TlsFault::AheadOfTls => Finding::new(
            Stop,
            "The server, or a device on the path, sent plaintext where TLS should have begun. Look \
            for a device that interferes with the connection. If there is none, the server's \
            administrator must update the server.",
        ),
        TlsFault::NoCommonVersion(_) => Finding::new(
            Stop,
            "The server supports no secure version of TLS. Postroom requires TLS 1.2 or 1.3. The \
            server's administrator must update the server.",
        ),
        TlsFault::NotAsSafe { .. } => Finding::new(
            Retry,
            "The domain's mail servers do not offer the TLS that the domain's policy (MTA-STS, \
            DANE) or the account's tls = \"required\" demands. Postroom sends nothing without it \
            and tries again. If this continues, look for a firewall that intercepts TLS, or ask \
            the domain's administrator to check: openssl s_client -starttls smtp -connect \
            <server>:25.",
        )
        .in_the_form_of(454, EnhancedCode(4, 7, 5)),
        TlsFault::Expired { .. }
        | TlsFault::NotYetValid { .. }
        | TlsFault::WrongName { .. }
        | TlsFault::UnknownIssuer
        | TlsFault::OtherIssuer
        | TlsFault::NotRecorded
        | TlsFault::NotPinned { .. }
        | TlsFault::Authority
        | TlsFault::OldForm
        | TlsFault::BadCertificate(_)
        | TlsFault::NotAName(_)
        | TlsFault::Other(_) => of_certificate(stage, fault),
    }
}

/// For certificates that can be trusted only as they are.
const BY_ITSELF: &str = "\
    The server's certificate names no host and no issuer in a form that can be checked. Get the \
    certificate from the server's administrator and name it in ca_file, or pin it: fingerprint = \
    \"sha256:...\". To print it: openssl s_client -starttls smtp -connect <server>:<port>.";

fn of_certificate(stage: Stage, fault: &TlsFault) -> Finding {
    match fault {
        TlsFault::Expired { .. } => Finding::new(
            Stop,
            "The server's certificate has expired. If this machine's date is correct \
            (timedatectl), the server's administrator must renew the certificate. For a smart host \
            of your own, verify = false turns the check off.",
        ),
        TlsFault::NotYetValid { .. } => Finding::new(
            Stop,
            "The server's certificate is not valid yet. Most likely this machine's clock is wrong. \
            Check it with timedatectl.",
        ),
        TlsFault::WrongName { asked: Some(_), presented } if presented.is_empty() => {
            Finding::new(Stop, BY_ITSELF)
        }
        TlsFault::Authority | TlsFault::OldForm => Finding::new(Stop, BY_ITSELF),
        TlsFault::NotPinned { .. } => Finding::new(
            Stop,
            "The server shows another certificate than the one in fingerprint. If its \
            administrator has renewed it, check it with them and write its new fingerprint. \
            Otherwise somebody stands between this machine and the server.",
        ),
        TlsFault::WrongName { .. } => Finding::new(
            Stop,
            "The server's certificate is for a name other than the account's host. Set host to the \
            name in the certificate. For Exchange Online, this is smtp.office365.com, never an IP \
            address.",
        ),
        TlsFault::UnknownIssuer => Finding::new(
            Stop,
            "The server's certificate comes from an issuer that this machine does not trust. For a \
            public server, update the trust store (Debian: apt install --reinstall \
            ca-certificates) and look for a firewall that intercepts TLS. For a server of your \
            own, set ca_file to the certificate of its CA, or to its own if it is self-signed.",
        ),
        TlsFault::OtherIssuer => Finding::new(
            Stop,
            "The server's certificate was issued by a different CA of the same name as the one \
            that is trusted here. This happens when a CA is created again: ca_file holds the old \
            CA certificate. Write the certificate of the CA that issued the server's current \
            certificate to ca_file. If the account has no ca_file, look for a firewall that \
            intercepts TLS.",
        ),
        TlsFault::BadCertificate(_) => Finding::new(
            Stop,
            "The server's certificate is not acceptable. The server's administrator must replace \
            it.",
        ),
        TlsFault::ClientCertificate(_)
        | TlsFault::NotTls(_)
        | TlsFault::NotOffered
        | TlsFault::AheadOfTls
        | TlsFault::NoCommonVersion(_)
        | TlsFault::NotAsSafe { .. }
        | TlsFault::NotRecorded
        | TlsFault::NotAName(_)
        | TlsFault::Other(_) => by_stage(stage),
    }
}

fn of_login(fault: &LoginFault) -> Finding {
    match fault {
        LoginFault::NoSecret { .. } => Finding::new(
            Stop,
            "The account's password or token file cannot be used. Check that the file exists, is \
            not empty, and is readable by the service: systemctl show postroom -p LoadCredential.",
        ),
        LoginFault::NoMechanism { .. } => Finding::new(
            Stop,
            "The server does not offer the login method in auth.method. Exchange Online supports \
            \"login\" and \"xoauth2\". For another server, choose a method that it offers.",
        ),
        LoginFault::AsksForMore { .. } | LoginFault::OddChallenge(_) => Finding::new(
            Stop,
            "The server's side of the login does not fit auth.method. Choose another method that \
            the server offers.",
        ),
    }
}

fn of_token(trouble: &TokenTrouble) -> Finding {
    let outcome = match trouble.remedy {
        Remedy::Wait(pause) => Pause(pause),
        Remedy::Person => Stop,
    };
    Finding::new(outcome, trouble.advice)
}

fn by_stage(stage: Stage) -> Finding {
    let (outcome, advice) = match stage {
        Stage::Connect => (
            PAUSE,
            "The server cannot be reached. Check the account's host and port, and check that the \
            firewall allows outgoing connections to that port. Many networks block port 25.",
        ),
        Stage::Tls => (
            PAUSE,
            "The TLS handshake failed. If this continues, look for a firewall or virus scanner \
            that intercepts the connection.",
        ),
        Stage::Greeting => (
            PAUSE,
            "The server accepted the connection but sent no greeting. Check that the account's \
            port and tls match: ports 587 and 25 need \"starttls\", port 465 needs \"implicit\".",
        ),
        Stage::Ehlo => (
            PAUSE,
            "The connection failed before the login. Postroom tries again. If this continues, ask \
            the server's administrator.",
        ),
        Stage::Token => (PAUSE, "Postroom could not get the secret for the login. It tries again."),
        Stage::Auth => (
            PAUSE,
            "The connection failed during the login. Postroom tries again. If this continues, ask \
            the server's administrator.",
        ),
        Stage::MailFrom | Stage::RcptTo | Stage::Data => (
            Retry,
            "The connection failed before the message was sent. The server has not accepted the \
            message. Postroom tries again.",
        ),
        Stage::Body => (
            Retry,
            "The connection failed while Postroom was sending the message. The server cannot have \
            accepted it. Postroom tries again.",
        ),
        // RFC 5321 4.2.5, 6.1: without a reply, the message is still ours. RFC 1047 describes the
        // duplicates that this causes.
        Stage::EndOfData => (
            Doubt,
            "Postroom sent the whole message and got no reply, so the server may have accepted it. \
            Postroom tries again with the same Message-ID, so that the recipient's mail system can \
            recognise a duplicate.",
        ),
    };
    Finding::new(outcome, advice)
}
