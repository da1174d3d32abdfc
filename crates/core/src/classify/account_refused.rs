//! Replies with which any server refuses this account or this machine, although it says them about
//! a sender or a recipient. Servers often use a 5yz for them, which would bounce a whole queue.
//!
//! The rows are made from the replies of Postfix, Exim, Sendmail, qmail, Exchange, MailEnable,
//! hMailServer and the mail servers of web hosts. The rows of [`generic`](super::generic) follow.

use std::time::Duration;

use crate::classify::{
    row::Row,
    stage::Stage::{MailFrom, RcptTo},
    verdict::Outcome::{self, Fail, Pause, Stop},
};

/// A limit that counts in hours or days.
const LONG_LIMIT: Outcome = Pause(Duration::from_secs(30 * 60));
/// A limit that counts in minutes.
const SHORT_LIMIT: Outcome = Pause(Duration::from_secs(5 * 60));
/// Repetition makes the pause longer.
const MINUTE: Outcome = Pause(Duration::from_secs(60));

const FORGED: &str = "\
    The sender's domain does not confirm that this machine may send for it (SPF, DKIM, DMARC). Add \
    the machine to the domain's SPF record, or rewrite the sender (sender.rewrite).";

const MACHINE: &str = "\
    The server does not accept mail from this machine's address. The reply gives the reason: a \
    rule of the server, a block list, or a missing name in DNS. Use a login, or ask the server's \
    administrator to allow this machine. Mail waits.";

const LOGIN_WORDS: &[&str] = &[
    "authentication required",
    "authentication is required",
    "authorization required",
    "requires authentication",
    "require authentication",
    "requires authorization",
    "without authentication",
    "not authenticated",
    "unauthenticated",
    "must authenticate",
    "must be authenticated",
    "please authenticate",
    "need to authenticate",
    "needs to authenticate",
    "authenticate first",
    "authenticate before",
    "AUTH first",
    "AUTH is required",
    "AUTH required",
    "use SMTP AUTH",
    "SMTP authentication",
    "SMTP-AUTH",
    "not logged in",
    "log in first",
    "login first",
    "please log in",
    "please login",
    "login required",
    "login is required",
    "must login",
    "must log in",
    "POP before SMTP",
    "check for new mail first",
    "check your mail first",
];
const LOGIN: &str = "\
    The server requires a login: it got none, or it no longer accepts the account's. Set the \
    account's auth, or check its user and password. Mail waits.";

pub(super) const RELAY_WORDS: &[&str] = &[
    "relay access denied",
    "relay denied",
    "relay not permitted",
    "relay not allowed",
    "relay is not",
    "relay prohibited",
    "relay attempt",
    "relay traffic",
    "relay through",
    "relay for",
    "not a relay",
    "an open relay",
    "no relay",
    "not relay",
    "to relay",
    "cannot relay",
    "can't relay",
    "won't relay",
    "don't relay",
    "relaying",
    "rcpthosts",
    "not a local domain",
    "not our customer",
];
const RELAY: &str = "\
    The server does not relay mail from this machine. If the account should have a login, check \
    its auth; otherwise the server's administrator must allow this machine. Mail waits. If the \
    server accepts other recipients, only this one is tried again later.";

const LONG_LIMIT_WORDS: &[&str] = &[
    "mails per hour",
    "messages per hour",
    "message per hour",
    "recipients per hour",
    "failures per hour",
    "per hour exceeded",
    "mails per day",
    "messages per day",
    "recipients per day",
    "per day exceeded",
    "hourly limit",
    "hourly quota",
    "hourly sending",
    "daily limit",
    "daily quota",
    "daily sending",
    "daily message",
    "daily user",
    "sending limit",
    "sending quota",
    "send quota",
    "outgoing limit",
    "outgoing mail limit",
    "outbound limit",
    "quota for outgoing",
    "smtp quota",
    "quota exceeded for sender",
    "max defers",
];
const LONG_LIMIT_ADVICE: &str = "\
    The account has reached the server's limit for an hour or a day. Mail waits. Lower the \
    account's limits to what the server allows, or add a second account and name it in spill_to.";

const SHORT_LIMIT_WORDS: &[&str] = &[
    "rate limit",
    "ratelimit",
    "rate-limit",
    "sending rate",
    "message rate",
    "rate exceeded",
    "too much mail",
    "too many mails",
    "too many emails",
    "too many e-mails",
    "too many messages",
    "too fast",
    "slow down",
    "throttl",
];
const SHORT_LIMIT_ADVICE: &str = "\
    The server says that Postroom sends too fast. Mail waits a few minutes. Lower the account's \
    limits to what the server allows.";

pub(super) static ROWS: &[Row] = &[
    // RFC 4954 6; RFC 3207 4.
    Row::new(
        "530",
        &[],
        Stop,
        "The server requires a login or TLS before it accepts mail. Set auth, or tls = \
        \"starttls\", in the account.",
    ),
    Row::new(
        "535",
        &[],
        Stop,
        "The server does not allow this login to send. Check the account's auth.",
    ),
    // --- what sounds like a refusal of us and is none ---
    Row::new(
        "5xx",
        &["undeliverable address", "in reply to RCPT TO", "callout", "verification failed for <"],
        Fail,
        "The server asked the mail server of the recipient, which refused. The reply gives the \
        reason. Check the address on the device.",
    )
    .at(&[RcptTo]),
    Row::new("5xx 5.7.25", &[], Stop, MACHINE),
    Row::new("5xx 5.7.20-27", &[], Fail, FORGED).for_all(),
    Row::new("5xx", &["SPF", "DKIM", "DMARC"], Fail, FORGED).for_all(),
    Row::new(
        "5xx",
        &["not owned by user", "not owned by the authenticated"],
        Fail,
        "The server does not allow this login to send from the sender's address. Rewrite the \
        sender (sender.rewrite), or ask the server's administrator to allow the login to use that \
        address.",
    )
    .for_all()
    .at(&[MailFrom, RcptTo]),
    // --- a login is missing ---
    Row::new("5xx", LOGIN_WORDS, Stop, LOGIN).unless_others_pass(),
    Row::new("4xx", LOGIN_WORDS, Stop, LOGIN).unless_others_pass(),
    // --- limits ---
    Row::new("5xx", LONG_LIMIT_WORDS, LONG_LIMIT, LONG_LIMIT_ADVICE),
    Row::new("4xx", LONG_LIMIT_WORDS, LONG_LIMIT, LONG_LIMIT_ADVICE),
    Row::new("5xx", SHORT_LIMIT_WORDS, SHORT_LIMIT, SHORT_LIMIT_ADVICE),
    Row::new("4xx", SHORT_LIMIT_WORDS, MINUTE, SHORT_LIMIT_ADVICE),
    // --- this machine is refused ---
    Row::new(
        "5xx",
        &["Helo command rejected", "HELO rejected", "EHLO rejected", "invalid HELO", "bad HELO"],
        Stop,
        "The server does not accept the name that Postroom gives in EHLO. Set hostname to a fully \
        qualified name such as postroom.example.com, which DNS knows.",
    ),
    Row::new(
        "5xx",
        &[
            "Client host rejected",
            "Client host [",
            "cannot find your hostname",
            "cannot find your reverse hostname",
            "reverse DNS",
            "PTR record",
            "IP name lookup failed",
            "no access for this ip",
            "your IP is",
            "your IP address",
            "your host is not",
            "IP not allowed",
            "IP address not allowed",
            "not allowed to send from this",
            "blacklist",
            "black list",
            "blocklist",
        ],
        Stop,
        MACHINE,
    ),
    // --- relaying ---
    Row::new("5xx", RELAY_WORDS, MINUTE, RELAY).at(&[MailFrom, RcptTo]).unless_others_pass(),
    Row::new("4xx", RELAY_WORDS, MINUTE, RELAY).at(&[MailFrom, RcptTo]).unless_others_pass(),
];
