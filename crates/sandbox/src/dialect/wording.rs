//! Exchange Online's wording: suffixes, banners, keyword lists, and the templates of replies.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use postroom_core::model::Timestamp;

/// The role of a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Client submission, like `smtp.office365.com`.
    Submission,
    /// The MX host, like `contoso-com.mail.protection.outlook.com`.
    Mx,
}

/// The name of the front end server in suffixes.
const FRONT_END: &str = "FAKE1PR01CA0001.TESTPRD01.PROD.OUTLOOK.COM";
/// The name of the mailbox server.
const STORE: &str = "FAKE1PR01MB0001.testprd01.prod.outlook.com";
/// The ticks of .NET at the beginning of 1970. A tick is 100 ns, counted from the year 1.
const TICKS_TO_1970: u64 = 621_355_968_000_000_000;
/// The length of hexadecimal diagnostics: more than 2 KB, as in a public log of 2025-11.
const DIAGNOSTICS_LENGTH: usize = 2200;

impl Role {
    /// The host name of the server.
    pub(crate) const fn host(self) -> &'static str {
        match self {
            Self::Submission => "FAKE1PR01CA0001.outlook.office365.com",
            Self::Mx => "FAKE0EPF00000001.mail.protection.outlook.com",
        }
    }
}

/// The id of a session: the time in .NET ticks, which published ids match to within hours. The
/// counter distinguishes sessions that begin at the same time.
pub(crate) fn session_id(opened: Timestamp, counter: u64) -> String {
    let ticks = opened
        .as_millis()
        .saturating_mul(10_000)
        .saturating_add(TICKS_TO_1970)
        .saturating_add(counter % 10_000);
    format!("{ticks:016X}")
}

/// The facts that a session's replies contain.
#[derive(Clone, Debug)]
pub(crate) struct Wording {
    pub(crate) role: Role,
    pub(crate) peer: IpAddr,
    pub(crate) session_id: String,
}

/// The user and the sender that a reply mentions.
#[derive(Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) user: &'a str,
    pub(crate) from: &'a str,
}

impl Wording {
    pub(crate) fn banner(&self, now: Timestamp) -> String {
        format!(
            "220 {} Microsoft ESMTP MAIL Service ready at {} [{}]\r\n",
            self.role.host(),
            now.to_rfc5322(),
            self.session_id
        )
    }

    /// The answer to EHLO. AUTH replaces STARTTLS once TLS is active.
    pub(crate) fn extensions(&self, size: u64, fifth: Option<&str>) -> String {
        let size = format!("SIZE {size}");
        let keywords = [
            Some(size.as_str()),
            Some("PIPELINING"),
            Some("DSN"),
            Some("ENHANCEDSTATUSCODES"),
            fifth,
            Some("8BITMIME"),
            Some("BINARYMIME"),
            Some("CHUNKING"),
        ];
        let list: String =
            keywords.into_iter().flatten().map(|keyword| format!("250-{keyword}\r\n")).collect();
        format!("250-{} Hello [{}]\r\n{list}250 SMTPUTF8\r\n", self.role.host(), self.peer)
    }

    pub(crate) fn accepted_for_sending(message_id: &str) -> String {
        format!("250 2.0.0 OK {message_id} [Hostname={STORE}]\r\n")
    }

    pub(crate) fn queued_for_delivery(message_id: &str, internal: u64, octets: u64) -> String {
        format!(
            "250 2.6.0 {message_id} [InternalId={internal}, Hostname={STORE}] {octets} bytes in \
            0.222, 284.250 KB/sec Queued mail for delivery -> 250 2.1.5\r\n"
        )
    }

    /// The Message-ID that the server gives to a message without one.
    pub(crate) fn own_message_id(&self, number: u64) -> String {
        format!("<{}{number:08X}@{STORE}>", self.session_id)
    }

    /// Fills in a template and adds CRLF.
    pub(crate) fn render(&self, template: &str, about: About<'_>, now: Timestamp) -> String {
        let mut out = String::with_capacity(template.len() + 128);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else { break };
            out.push_str(before);
            match name {
                "fe" => {
                    out.push_str(&format!(
                        "[{FRONT_END} {} {}]",
                        now.to_rfc3339(),
                        self.session_id
                    ));
                }
                "host" => out.push_str(&format!("[{FRONT_END}]")),
                "store" => out.push_str(&format!("[Hostname={STORE}]")),
                "ip" => out.push_str(&format!("[{}]", self.peer)),
                "user" => out.push_str(about.user),
                "from" => out.push_str(about.from),
                "long" => out.push_str(&"0.35250:0A000000, ".repeat(DIAGNOSTICS_LENGTH / 18 + 1)),
                _unknown => {}
            }
            rest = after;
        }
        out.push_str(rest);
        out.push_str("\r\n");
        out
    }
}
