//! Composes the text of notices and alerts. It has no side effects.
//!
//! A failure or delay notice is a `multipart/report` (RFC 3464, RFC 6522) with three parts: an
//! explanation for people, status fields for machines, and the header of the message in question.
//! An alert is plain text. Both say what happened, what it means, and what to do next.

use std::fmt::Write as _;

use mail_builder::{
    MessageBuilder,
    headers::{content_type::ContentType, raw::Raw},
    mime::MimePart,
};

use crate::{
    attempt::Failure,
    model::{Address, MessageId, Reply, Timestamp},
    report::ReportSettings,
    spool::{Entry, RecipientState},
};

/// The event that a notice reports.
pub(super) enum Subject<'a> {
    /// Delivery to these recipients failed for good.
    Failed(&'a [Failure]),
    /// The recipients that still wait are tried until this time.
    Delayed { until: Timestamp },
    /// These recipients were handed to a server that does not report success.
    Relayed(&'a [usize]),
}

/// The part of the original message that a notice contains.
pub(super) enum Original {
    /// The header, at most [`HEADER_LIMIT`] octets.
    Header(Vec<u8>),
    /// The whole message (`RET=FULL`).
    Whole(Vec<u8>),
}

/// The largest part of the original header that a notice contains, in octets.
pub(super) const HEADER_LIMIT: usize = 16 * 1024;

/// The data from which a notice is composed.
pub(super) struct Notice<'a> {
    pub(super) settings: &'a ReportSettings,
    pub(super) to: &'a Address,
    /// The notice's own id.
    pub(super) id: MessageId,
    pub(super) now: Timestamp,
    pub(super) entry: &'a Entry,
    pub(super) subject: Subject<'a>,
    pub(super) original: &'a Original,
    /// The number of notices withheld before this one.
    pub(super) withheld: u64,
}

impl Notice<'_> {
    /// Composes the whole message, with CRLF line ends.
    pub(super) fn render(&self) -> Vec<u8> {
        let subject = match self.subject {
            Subject::Failed(_) => "Undelivered mail",
            Subject::Delayed { .. } => "Delayed mail (still being tried)",
            Subject::Relayed(_) => "Relayed mail",
        };
        let original = match self.original {
            // RFC 3462 2: the header is enough to identify the message, and a scan of 35 MB would
            // fill the administrator's mailbox.
            Original::Header(header) => MimePart::new("text/rfc822-headers", header.clone()),
            Original::Whole(text) => MimePart::new("message/rfc822", text.clone()),
        };
        let report = MimePart::new(
            ContentType::new("multipart/report").attribute("report-type", "delivery-status"),
            vec![
                MimePart::new("text/plain", self.for_people()),
                MimePart::new("message/delivery-status", crlf(&self.for_machines()))
                    .transfer_encoding("7bit"),
                original.transfer_encoding("8bit"),
            ],
        );
        let subject = format!("{subject} from {}", self.entry.device);
        finish(envelope(self.settings, Some(self.to), self.id, self.now, &subject).body(report))
    }

    fn for_people(&self) -> String {
        let entry = self.entry;
        let mut text = String::new();
        let opening = match self.subject {
            Subject::Failed(_) => {
                "A message could not be delivered to the recipients below. Postroom will not try \
                again."
            }
            Subject::Delayed { .. } => {
                "A message has not been delivered to the recipients below yet. Postroom keeps \
                trying. You need not do anything."
            }
            Subject::Relayed(_) => RELAYED,
        };
        line(&mut text, format_args!("{opening}\n"));
        line(&mut text, format_args!("Device:    {}", entry.device));
        line(&mut text, format_args!("Sender:    {}", display_sender(entry)));
        line(&mut text, format_args!("Received:  {}", entry.received.to_rfc5322()));
        line(&mut text, format_args!("Account:   {}", entry.account));
        line(&mut text, format_args!("Id:        {}\n", entry.id));
        match self.subject {
            Subject::Failed(failures) => describe_failures(&mut text, entry, failures),
            Subject::Delayed { until } => {
                for state in waiting(entry) {
                    line(&mut text, format_args!("Recipient: {}", state.recipient.address));
                    line(&mut text, format_args!("Reply:     {}\n", said(state)));
                }
                line(&mut text, format_args!("Postroom tries until {}.", until.to_rfc5322()));
                line(
                    &mut text,
                    format_args!(
                        "Details: postroom queue show {}\nTo try immediately: postroom queue retry \
                        {0}",
                        entry.id
                    ),
                );
            }
            Subject::Relayed(recipients) => {
                for state in recipients.iter().filter_map(|index| entry.recipients.get(*index)) {
                    line(&mut text, format_args!("Recipient: {}", state.recipient.address));
                    line(&mut text, format_args!("Reply:     {}\n", said(state)));
                }
            }
        }
        if self.withheld > 0 {
            line(
                &mut text,
                format_args!(
                    "\nBefore this notice, {} notices were not sent, because too many messages \
                        failed at once. {LOG}",
                    self.withheld
                ),
            );
        }
        text
    }

    /// Composes the status fields: first those of the message, then those of each recipient
    /// (RFC 3464 2.1).
    fn for_machines(&self) -> String {
        let entry = self.entry;
        let mut text = String::new();
        line(&mut text, format_args!("Reporting-MTA: dns; {}", self.settings.hostname));
        if let Some(envid) = &entry.parameters.envid {
            line(&mut text, format_args!("Original-Envelope-Id: {envid}"));
        }
        line(&mut text, format_args!("Arrival-Date: {}", entry.received.to_rfc5322()));
        match self.subject {
            Subject::Failed(failures) => {
                for state in
                    failures.iter().filter_map(|failure| entry.recipients.get(failure.index))
                {
                    recipient_fields(&mut text, state, "failed", "5.0.0");
                }
            }
            Subject::Delayed { until } => {
                for state in waiting(entry) {
                    recipient_fields(&mut text, state, "delayed", "4.0.0");
                    line(&mut text, format_args!("Will-Retry-Until: {}", until.to_rfc5322()));
                }
            }
            Subject::Relayed(recipients) => {
                for state in recipients.iter().filter_map(|index| entry.recipients.get(*index)) {
                    recipient_fields(&mut text, state, "relayed", "2.0.0");
                }
            }
        }
        text
    }
}

const RELAYED: &str = "\
You requested a notice of successful delivery. Postroom handed the message to the next mail server,
which accepted it for the recipients below. That server does not support such requests, so no
further notice will follow.";

const LOG: &str = "The log lists every failure: journalctl -u postroom";

/// Composes an alert: plain text to the administrator.
pub(super) fn alert(
    settings: &ReportSettings,
    id: MessageId,
    now: Timestamp,
    subject: &str,
    text: String,
) -> Vec<u8> {
    finish(envelope(settings, None, id, now, subject).text_body(text))
}

/// Composes the text that says how many notices were withheld.
pub(super) fn summary(withheld: u64) -> String {
    format!("{withheld} notices were not sent, because too many messages failed at once.\n{LOG}\n")
}

/// Creates the header of a notice. The default recipient is the administrator.
fn envelope<'x>(
    settings: &'x ReportSettings,
    to: Option<&'x Address>,
    id: MessageId,
    now: Timestamp,
    subject: &str,
) -> MessageBuilder<'x> {
    let to =
        to.or(settings.administrator.as_ref()).map_or("postmaster", |address| address.as_str());
    let from = settings
        .from
        .as_ref()
        .or(settings.administrator.as_ref())
        .map_or("postmaster", |address| address.as_str());
    MessageBuilder::new()
        .from(("Postroom", from))
        .to(to)
        .subject(subject.to_owned())
        .date(i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
        .message_id(format!("{id}@{}", settings.hostname))
        // RFC 3834 5: prevents automatic replies.
        .header("Auto-Submitted", Raw::new("auto-generated"))
}

fn finish(builder: MessageBuilder<'_>) -> Vec<u8> {
    // Writing to memory cannot fail.
    let text = builder.write_to_vec().unwrap_or_default();
    crlf_bytes(&text)
}

/// Appends the reason and the advice for each recipient that failed.
fn describe_failures(text: &mut String, entry: &Entry, failures: &[Failure]) {
    for (failure, state) in
        failures.iter().filter_map(|f| Some((f, entry.recipients.get(f.index)?)))
    {
        line(text, format_args!("Recipient: {}", state.recipient.address));
        line(text, format_args!("Reply:     {} (stage: {})", said(state), failure.place));
        line(text, format_args!("Attempts:  {}", state.attempts));
        if !state.doubts.is_empty() {
            line(
                text,
                format_args!(
                    "Doubtful:  {} of these got no final reply, so the message may have arrived.",
                    state.doubts.len()
                ),
            );
        }
        line(text, format_args!("\n{}\n", failure.advice));
    }
    line(
        text,
        format_args!(
            "If the message is still needed, correct the cause and send it again from the device."
        ),
    );
}

fn waiting(entry: &Entry) -> impl Iterator<Item = &RecipientState> {
    entry.recipients.iter().filter(|state| state.due().is_some())
}

fn recipient_fields(text: &mut String, state: &RecipientState, action: &str, otherwise: &str) {
    line(text, format_args!(""));
    if let Some(orcpt) = &state.recipient.orcpt {
        // RFC 3461 4.2: the address type, a semicolon, the address.
        line(text, format_args!("Original-Recipient: {orcpt}"));
    }
    let kind = if state.recipient.address.needs_smtputf8() { "utf-8" } else { "rfc822" };
    line(text, format_args!("Final-Recipient: {kind}; {}", state.recipient.address));
    line(text, format_args!("Action: {action}"));
    // RFC 3464 2.3.4: the status's class must fit the action; a quota's 5.2.0 on a message that
    // still waits does not.
    let class = otherwise.chars().next();
    let status =
        state.last_reply.as_ref().and_then(|reply| reply.enhanced).map(|code| code.to_string());
    let status = status.filter(|status| status.chars().next() == class);
    line(text, format_args!("Status: {}", status.as_deref().unwrap_or(otherwise)));
    if let Some(reply) = state.last_reply.as_ref().filter(|reply| reply.code > 0) {
        line(text, format_args!("Diagnostic-Code: smtp; {}", ascii(&reply.to_string())));
    }
    if let Some(at) = state.last_attempt {
        line(text, format_args!("Last-Attempt-Date: {}", at.to_rfc5322()));
    }
}

fn said(state: &RecipientState) -> String {
    match &state.last_reply {
        Some(reply) if reply.code > 0 => reply.to_string(),
        Some(Reply { text, .. }) => text.to_string(),
        None => "no reply".to_owned(),
    }
}

fn display_sender(entry: &Entry) -> String {
    entry.sender.mailbox().map_or_else(|| "(none)".to_owned(), ToString::to_string)
}

fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    if writeln!(text, "{content}").is_err() {}
}

fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

fn crlf_bytes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut last = 0;
    for byte in text {
        if *byte == b'\n' && last != b'\r' {
            out.push(b'\r');
        }
        out.push(*byte);
        last = *byte;
    }
    out
}

#[cfg(test)]
mod tests;
