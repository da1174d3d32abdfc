//! A message in MIME form: the recipients that its header names, and the answer to it.

use std::io;

use mail_parser::{HeaderName, MessageParser};

use crate::{
    connection::Shared,
    dialect::{Accepted, AcceptedRecipient, Role},
    fault::cited,
    graph::answer::Refusal,
    tenant::{Ending, Submission, Verdict},
    text::TextFacts,
};
use postroom_core::model::{Address, Timestamp};

/// A message as Graph understands it.
pub(super) struct Mime {
    text: Vec<u8>,
    facts: TextFacts,
    /// The addresses of `To`, `Cc` and `Bcc`. Graph delivers to these.
    pub(super) recipients: Vec<Address>,
    pub(super) message_id: String,
}

impl Mime {
    pub(super) fn read(text: Vec<u8>, otherwise: &str) -> Self {
        let facts = TextFacts::of(&text);
        let parsed = MessageParser::default().parse_headers(text.as_slice());
        let mut recipients: Vec<Address> = Vec::new();
        if let Some(message) = &parsed {
            for list in [message.to(), message.cc(), message.bcc()].into_iter().flatten() {
                for one in list.iter().filter_map(|one| one.address()?.parse::<Address>().ok()) {
                    if !recipients.contains(&one) {
                        recipients.push(one);
                    }
                }
            }
        }
        // Recipients do not see who got a blind copy.
        let hidden = parsed.as_ref().and_then(|message| {
            let field = message.root_part().headers.iter().find(|h| h.name == HeaderName::Bcc)?;
            let (from, to) = (field.offset_field(), field.offset_end());
            Some(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
        });
        let message_id = facts.message_id.clone().unwrap_or_else(|| otherwise.to_owned());
        let mut text = text;
        if let Some(range) = hidden {
            text.drain(range);
        }
        Self { text, facts, recipients, message_id }
    }
}

/// Sends a message from a mailbox, within the limits that SMTP has, too.
pub(super) fn send(
    shared: &Shared,
    user: &Address,
    mime: &Mime,
    id: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    if mime.recipients.is_empty() {
        return Err(Refusal::new(
            400,
            "ErrorInvalidRecipients",
            "At least one recipient is not valid.",
        ));
    }
    {
        let mut tenant = shared.tenant();
        tenant.begin(user, now).map_err(refused)?;
        let recipients = mime.recipients.len();
        let verdict = tenant.submit(user, "", recipients, &mime.facts, Submission::Within, now);
        let ending = match &verdict {
            Verdict::Accept { .. } => Ending::Accepted,
            Verdict::Refuse { .. } => Ending::Refused,
        };
        let named = mime.recipients.iter().map(Address::as_str);
        tenant.tried(&mime.message_id, named, ending, now);
        if let Verdict::Refuse { text, .. } = verdict {
            return Err(refused(text));
        }
    }
    keep(shared, user, mime, id, now)
        .map_err(|error| Refusal::new(500, "ErrorInternalServerError", &error.to_string()))
}

fn keep(shared: &Shared, user: &Address, mime: &Mime, id: &str, now: Timestamp) -> io::Result<()> {
    let mut keeper = shared.keeper();
    let mut incoming = keeper.begin()?;
    incoming.write(&mime.text)?;
    let recipient =
        |address: &Address| AcceptedRecipient { address: address.clone(), parameters: Vec::new() };
    let accepted = Accepted {
        listener: Role::Submission,
        session: id.to_owned(),
        begun: now,
        received: now,
        helo: "graph".to_owned(),
        tls: None,
        user: Some(user.clone()),
        sender: user.to_string(),
        parameters: Vec::new(),
        recipients: mime.recipients.iter().map(recipient).collect(),
        octets: u64::try_from(mime.text.len()).unwrap_or(u64::MAX),
        message_id: mime.message_id.clone(),
    };
    keeper.keep(incoming, accepted)
}

/// What SMTP says, in the words of Graph.
fn refused(text: &'static str) -> Refusal {
    let (status, code, message) = match text {
        cited::SEND_AS_DENIED | cited::THROTTLED_SEND_AS => (
            403,
            "ErrorSendAsDenied",
            "The user account which was used to submit this request does not have the right to \
            send mail on behalf of the specified sending account.",
        ),
        cited::MAILBOX_FULL | cited::THROTTLED_MAILBOX_FULL => {
            (403, "ErrorQuotaExceeded", "The mailbox quota has been exceeded.")
        }
        cited::RECIPIENT_QUOTA => (
            429,
            "ErrorSubmissionQuotaExceeded",
            "The message can't be submitted because the sender's submission quota was exceeded.",
        ),
        cited::RATE => (429, "ErrorExceededMessageLimit", "Your message can't be sent right now."),
        cited::TOO_LARGE | cited::TOO_LARGE_FOR_MAILBOX => {
            (400, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
        }
        cited::OUTBOUND_SPAM => (403, "ErrorAccountSuspend", "Account suspended."),
        other => (400, "ErrorInvalidRequest", other),
    };
    Refusal::new(status, code, message)
}
