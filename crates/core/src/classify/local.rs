//! What follows from a fault that no server has spoken of.

use std::time::Duration;

use crate::{
    classify::{
        fault::{DnsFault, Fault, LocalFault, LoginFault, TcpFault, TlsFault},
        stage::Stage,
        token::{Remedy, TokenTrouble},
        verdict::{
            Outcome::{self, Doubt, Fail, Pause, Retry, Stop},
            Scope,
        },
    },
    model::EnhancedCode,
};

/// Between attempts to reach a server that is not there. The queue lets repeated pauses grow.
const PAUSE: Outcome = Pause(Duration::from_secs(60));

/// One row of this part of the table.
pub(super) struct Finding {
    pub(super) outcome: Outcome,
    pub(super) advice: &'static str,
    /// What concerns recipients is told to them in the form of a reply, with the codes that a
    /// server would have used.
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
            "No mail server of the domain can be reached. Check whether the firewall and the \
            provider let this machine out on port 25: many networks block it.",
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
            "The message could not be read from the spool. Check the disk that holds data_dir: \
            dmesg, df. Nothing was handed over; it is tried again.",
        ),
    }
}

fn of_dns(fault: &DnsFault) -> Finding {
    match fault {
        DnsFault::Unresolved { .. } => Finding::new(
            PAUSE,
            "The server's name cannot be resolved. Check host of the account, and the DNS of this \
            machine: resolvectl query <host>.",
        ),
        DnsFault::NoSuchDomain(_) | DnsFault::NoMailServer(_) => Finding::new(
            Fail,
            "The recipient's domain does not exist, or has no mail server. Correct the address on \
            the device, or domains of the account.",
        )
        .in_the_form_of(550, EnhancedCode(5, 1, 2)),
        // RFC 7505 4.1, 4.2.
        DnsFault::NullMx(_) => Finding::new(
            Fail,
            "The recipient's domain says in DNS that it takes no mail. Correct the address on the \
            device, or domains of the account.",
        )
        .in_the_form_of(556, EnhancedCode(5, 1, 10)),
        DnsFault::Ourselves(_) => Finding::new(
            Fail,
            "DNS names this machine as the mail server of the recipient's domain: mail would go \
            round in circles. Let the domain's MX record name the server that has the mailboxes, \
            or set hostname to this machine's own name.",
        )
        .in_the_form_of(554, EnhancedCode(5, 4, 6)),
        DnsFault::Broken { .. } => Finding::new(
            Retry,
            "The recipient's domain cannot be looked up: its DNS servers fail, or its signatures \
            do not hold (DNSSEC). It is tried again; if it goes on, whoever runs the domain's DNS \
            has to look: dig +dnssec MX <domain>.",
        )
        .in_the_form_of(451, EnhancedCode(4, 4, 3)),
        DnsFault::Silent { .. } => Finding::new(
            PAUSE,
            "The DNS server does not answer. Check [dns] servers, or the DNS of this machine: \
            resolvectl query <domain>.",
        )
        .of_every_next_hop(),
    }
}

fn of_tls(stage: Stage, fault: &TlsFault) -> Finding {
    match fault {
        TlsFault::ClientCertificate(_) => Finding::new(
            Stop,
            "The client certificate of the account cannot be used. Check that certificate and key \
            exist, belong together and can be read by the service; postroom check says more.",
        ),
        TlsFault::NotTls(_) => Finding::new(
            Stop,
            "The server answered the TLS handshake with something else. Check that port and tls of \
            the account belong together: 587 and 25 want \"starttls\", 465 wants \"implicit\".",
        ),
        TlsFault::NotOffered => Finding::new(
            Stop,
            "The server does not offer STARTTLS, and nothing is sent without it. If it should, \
            something on the way (a firewall's SMTP inspection) hides it: switch that off. For a \
            smart host on your own network tls = \"none\" does without.",
        ),
        TlsFault::AheadOfTls => Finding::new(
            Stop,
            "The server, or someone in between, sent something in the clear where TLS should have \
            begun. Look for a device that tampers with the connection; if there is none, whoever \
            runs the server has to update it.",
        ),
        TlsFault::NoCommonVersion(_) => Finding::new(
            Stop,
            "The server speaks no version of TLS that is still safe; 1.2 or 1.3 is needed. Whoever \
            runs it has to update it.",
        ),
        TlsFault::NotAsSafe { .. } => Finding::new(
            Retry,
            "The domain's mail servers do not offer the TLS that the domain asks for (MTA-STS, \
            DANE) or tls = \"required\" wants. Nothing is sent without it; it is tried again. If \
            it goes on, a firewall opens TLS, or whoever runs the domain has to look: openssl \
            s_client -starttls smtp -connect <server>:25.",
        )
        .in_the_form_of(454, EnhancedCode(4, 7, 5)),
        TlsFault::Expired { .. }
        | TlsFault::NotYetValid { .. }
        | TlsFault::WrongName { .. }
        | TlsFault::UnknownIssuer
        | TlsFault::OtherIssuer
        | TlsFault::NotRecorded
        | TlsFault::BadCertificate(_)
        | TlsFault::NotAName(_)
        | TlsFault::Other(_) => of_certificate(stage, fault),
    }
}

fn of_certificate(stage: Stage, fault: &TlsFault) -> Finding {
    match fault {
        TlsFault::Expired { .. } => Finding::new(
            Stop,
            "The server's certificate has expired. If the date of this machine is right \
            (timedatectl), whoever runs the server has to renew it; for a smart host of your own \
            verify = false does without.",
        ),
        TlsFault::NotYetValid { .. } => Finding::new(
            Stop,
            "The server's certificate is not valid yet. Most likely the clock of this machine is \
            wrong: timedatectl.",
        ),
        TlsFault::WrongName { .. } => Finding::new(
            Stop,
            "The server's certificate is for another name than host of the account. Write the name \
            that is in the certificate; for Exchange Online that is smtp.office365.com, never an \
            address.",
        ),
        TlsFault::UnknownIssuer => Finding::new(
            Stop,
            "The server's certificate comes from an issuer that this machine does not trust. For a \
            public server update the trust store (Debian: apt install --reinstall ca-certificates) \
            and look for a firewall that opens TLS; for your own give its CA as ca_file.",
        ),
        TlsFault::OtherIssuer => Finding::new(
            Stop,
            "The server's certificate was issued by another CA than the one trusted here, though \
            both have the same name: a ca_file that does not belong to the server's chain, as \
            after a CA was made anew. Put the certificate of the CA that issued the server's \
            present one into ca_file. Without a ca_file: look for a firewall that opens TLS.",
        ),
        TlsFault::BadCertificate(_) => Finding::new(
            Stop,
            "The server's certificate cannot be accepted. Whoever runs the server has to replace \
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
            "The password or token file of the account cannot be used. Check that it exists, is \
            not empty, and can be read by the service: systemctl show postroom -p LoadCredential.",
        ),
        LoginFault::NoMechanism { .. } => Finding::new(
            Stop,
            "The server does not offer the login that auth.method names. Exchange Online takes \
            \"login\" and \"xoauth2\"; for another server choose one that it offers.",
        ),
        LoginFault::AsksForMore { .. } | LoginFault::OddChallenge(_) => Finding::new(
            Stop,
            "The server's side of the login makes no sense for auth.method. Choose another method \
            that it offers.",
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
            "The server cannot be reached. Check host and port of the account, and whether the \
            firewall lets this machine out on that port: many networks block port 25.",
        ),
        Stage::Tls => (
            PAUSE,
            "The TLS handshake failed. If it goes on, look for a firewall or virus scanner that \
            intercepts the connection.",
        ),
        Stage::Greeting => (
            PAUSE,
            "The server took the connection but did not greet us. Check that port and tls of the \
            account belong together: 587 and 25 want \"starttls\", 465 wants \"implicit\".",
        ),
        Stage::Ehlo => (
            PAUSE,
            "The connection broke off before the login. It is tried again; if it goes on, ask who \
            runs the server.",
        ),
        Stage::Token => (PAUSE, "The secret for the login could not be had. It is tried again."),
        Stage::Auth => (
            PAUSE,
            "The connection broke off during the login. It is tried again; if it goes on, ask who \
            runs the server.",
        ),
        Stage::MailFrom | Stage::RcptTo | Stage::Data => (
            Retry,
            "The connection broke off before the message was sent. Nothing was handed over; it is \
            tried again.",
        ),
        Stage::Body => (
            Retry,
            "The connection broke off while the message was being sent. The server cannot have \
            accepted it; it is tried again.",
        ),
        // RFC 5321 4.2.5, 6.1: without an answer the message is still ours; RFC 1047 tells of the
        // doubles that this makes.
        Stage::EndOfData => (
            Doubt,
            "The message was sent to its end and never answered: the server may have it. It is \
            tried again with the same Message-ID, so that the recipient can tell a double.",
        ),
    };
    Finding::new(outcome, advice)
}
