//! What goes wrong without a reply.

use std::time::Duration;

use crate::upstream::{Fault, Outcome, Stage, connection, exchangers, session, tls, wire};

/// Between attempts to reach a server that is not there. The queue lets repeated pauses grow.
const UNREACHABLE: Duration = Duration::from_secs(60);

type Finding = (Outcome, &'static str);

pub(super) fn find(stage: Stage, fault: &Fault) -> Finding {
    let words = match fault {
        Fault::Failed(words) => words.as_str(),
        Fault::Reply(_) | Fault::Closed | Fault::TimedOut => "",
    };
    OWN_WORDS
        .iter()
        .find(|(known, _)| words.starts_with(known))
        .map_or_else(|| by_stage(stage), |(_, finding)| *finding)
}

fn by_stage(stage: Stage) -> Finding {
    let pause = Outcome::Pause(UNREACHABLE);
    match stage {
        Stage::Connect => (
            pause,
            "The server cannot be reached. Check host and port of the account, and whether the \
            firewall lets this machine out on that port: many networks block port 25.",
        ),
        Stage::Tls => (
            pause,
            "The TLS handshake failed. If it goes on, look for a firewall or virus scanner that \
            intercepts the connection.",
        ),
        Stage::Greeting => (
            pause,
            "The server took the connection but did not greet us. Check that port and tls of the \
            account belong together: 587 and 25 want \"starttls\", 465 wants \"implicit\".",
        ),
        Stage::Ehlo => (
            pause,
            "The connection broke off before the login. It is tried again; if it goes on, ask who \
            runs the server.",
        ),
        Stage::Token => (pause, "The secret for the login could not be had. It is tried again."),
        Stage::Auth => (
            pause,
            "The connection broke off during the login. It is tried again; if it goes on, ask who \
            runs the server.",
        ),
        Stage::MailFrom | Stage::RcptTo | Stage::Data => (
            Outcome::Retry,
            "The connection broke off before the message was sent. Nothing was handed over; it is \
            tried again.",
        ),
        Stage::Body => (
            Outcome::Retry,
            "The connection broke off while the message was being sent. The server cannot have \
            accepted it; it is tried again.",
        ),
        // RFC 5321 4.2.5, 6.1: without an answer the message is still ours; RFC 1047 tells of the
        // doubles that this makes.
        Stage::EndOfData => (
            Outcome::Doubt,
            "The message was sent to its end and never answered: the server may have it. It is \
            tried again with the same Message-ID, so that the recipient can tell a double.",
        ),
    }
}

/// What we say ourselves, by its first words. All of it wants a person, but for the disk.
const OWN_WORDS: &[(&str, Finding)] = &[
    (
        session::words::NO_ADDRESS,
        (
            Outcome::Pause(UNREACHABLE),
            "The server's name cannot be resolved. Check host of the account, and the DNS of this \
            machine: resolvectl query <host>.",
        ),
    ),
    (
        session::words::NO_STARTTLS,
        (
            Outcome::Stop,
            "The server does not offer STARTTLS, and nothing is sent without it. If it should, \
            something on the way (a firewall's SMTP inspection) hides it: switch that off. For a \
            smart host on your own network tls = \"none\" does without.",
        ),
    ),
    (
        session::words::NO_SECRET,
        (
            Outcome::Stop,
            "The password or token file of the account cannot be used. Check that it exists, is \
            not empty, and can be read by the service: systemctl show postroom -p LoadCredential.",
        ),
    ),
    (
        session::words::NO_MECHANISM,
        (
            Outcome::Stop,
            "The server does not offer the login that auth.method names. Exchange Online takes \
            \"login\" and \"xoauth2\"; for another server choose one that it offers.",
        ),
    ),
    (
        session::words::ODD_CHALLENGE,
        (
            Outcome::Stop,
            "The server's side of the login makes no sense for auth.method. Choose another method \
            that it offers.",
        ),
    ),
    (
        tls::words::EXPIRED,
        (
            Outcome::Stop,
            "The server's certificate has expired. If the date of this machine is right \
            (timedatectl), whoever runs the server has to renew it; for a smart host of your own \
            verify = false does without.",
        ),
    ),
    (
        tls::words::NOT_YET,
        (
            Outcome::Stop,
            "The server's certificate is not valid yet. Most likely the clock of this machine is \
            wrong: timedatectl.",
        ),
    ),
    (
        tls::words::WRONG_NAME,
        (
            Outcome::Stop,
            "The server's certificate is for another name than host of the account. Write the name \
            that is in the certificate; for Exchange Online that is smtp.office365.com, never an \
            address.",
        ),
    ),
    (
        tls::words::UNKNOWN_ISSUER,
        (
            Outcome::Stop,
            "The server's certificate comes from an issuer that this machine does not trust. For a \
            public server update the trust store (Debian: apt install --reinstall ca-certificates) \
            and look for a firewall that opens TLS; for your own give its CA as ca_file.",
        ),
    ),
    (
        tls::words::OTHER_ISSUER,
        (
            Outcome::Stop,
            "The server's certificate was issued by another CA than the one trusted here, though \
            both have the same name: a ca_file that does not belong to the server's chain, as \
            after a CA was made anew. Put the certificate of the CA that issued the server's \
            present one into ca_file. Without a ca_file: look for a firewall that opens TLS.",
        ),
    ),
    (
        tls::words::BAD_CERTIFICATE,
        (
            Outcome::Stop,
            "The server's certificate cannot be accepted. Whoever runs the server has to replace \
            it.",
        ),
    ),
    (
        tls::words::NO_IDENTITY,
        (
            Outcome::Stop,
            "The client certificate of the account cannot be used. Check that certificate and key \
            exist, belong together and can be read by the service; postroom check says more.",
        ),
    ),
    (
        tls::words::NOT_TLS,
        (
            Outcome::Stop,
            "The server answered the TLS handshake with something else. Check that port and tls of \
            the account belong together: 587 and 25 want \"starttls\", 465 wants \"implicit\".",
        ),
    ),
    (
        wire::words::AHEAD_OF_TLS,
        (
            Outcome::Stop,
            "The server, or someone in between, sent something in the clear where TLS should have \
            begun. Look for a device that tampers with the connection; if there is none, whoever \
            runs the server has to update it.",
        ),
    ),
    (
        tls::words::NO_COMMON_VERSION,
        (
            Outcome::Stop,
            "The server speaks no version of TLS that is still safe; 1.2 or 1.3 is needed. Whoever \
            runs it has to update it.",
        ),
    ),
    // --- direct send: the domain's trouble, but for the network and our own DNS server ---
    (
        exchangers::words::NO_DOMAIN,
        (
            Outcome::Fail,
            "The recipient's domain does not exist, or has no mail server. Correct the address on \
            the device, or domains of the account.",
        ),
    ),
    (
        exchangers::words::NULL_MX,
        (
            Outcome::Fail,
            "The recipient's domain says in DNS that it takes no mail. Correct the address on the \
            device, or domains of the account.",
        ),
    ),
    (
        exchangers::words::OURSELVES,
        (
            Outcome::Fail,
            "DNS names this machine as the mail server of the recipient's domain: mail would go \
            round in circles. Let the domain's MX record name the server that has the mailboxes, \
            or set hostname to this machine's own name.",
        ),
    ),
    (
        exchangers::words::BROKEN_DNS,
        (
            Outcome::Retry,
            "The recipient's domain cannot be looked up: its DNS servers fail, or its signatures \
            do not hold (DNSSEC). It is tried again; if it goes on, whoever runs the domain's DNS \
            has to look: dig +dnssec MX <domain>.",
        ),
    ),
    (
        exchangers::words::SILENT_DNS,
        (
            Outcome::Pause(UNREACHABLE),
            "The DNS server does not answer. Check [dns] servers, or the DNS of this machine: \
            resolvectl query <domain>.",
        ),
    ),
    (
        exchangers::words::UNREACHABLE,
        (
            Outcome::Pause(UNREACHABLE),
            "No mail server of the domain can be reached. Check whether the firewall and the \
            provider let this machine out on port 25: many networks block it.",
        ),
    ),
    (
        exchangers::words::NOT_SAFE,
        (
            Outcome::Retry,
            "The domain's mail servers do not offer the TLS that the domain asks for (MTA-STS, \
            DANE) or tls = \"required\" wants. Nothing is sent without it; it is tried again. If \
            it goes on, a firewall opens TLS, or whoever runs the domain has to look: openssl \
            s_client -starttls smtp -connect <server>:25.",
        ),
    ),
    (
        connection::words::UNREADABLE,
        (
            Outcome::Retry,
            "The message could not be read from the spool. Check the disk that holds data_dir: \
            dmesg, df. Nothing was handed over; it is tried again.",
        ),
    ),
];
