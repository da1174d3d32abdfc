//! One attempt by Graph: the message whole in one request, and the resolution of a doubt.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use tracing::debug;

use super::mailbox::{Mailbox, fault_of};
use crate::{
    attempt::{Dsn, Report, Trouble},
    classify::{
        Concern, Counted, Fault, GraphAnswer, LocalFault, Outcome, SEND_MAIL, Stage, Verdict,
        classify,
    },
    http::Sent,
    message::{Text, addressed, header::HeaderBlock},
    model::{Address, EnhancedCode, Reply, Secret},
    upstream::handover::{Earlier, Handover},
};

/// The largest message in MIME form. Base64 makes 4/3 of it, and Graph takes 4 MB.
const LARGEST: usize = 2_900_000;
/// How often, and how long after each other, Graph is asked for a message whose answer was lost.
const LOOKS: u32 = 4;
const BETWEEN: Duration = Duration::from_secs(2);
/// A session is begun anew after this time, so that a token is never much older.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// Sends messages one after the other with a token.
pub struct GraphSession {
    mailbox: Arc<Mailbox>,
    token: Secret,
    opened: Instant,
    is_usable: bool,
}

impl GraphSession {
    pub(super) fn new(mailbox: Arc<Mailbox>, token: Secret) -> Self {
        Self { mailbox, token, opened: Instant::now(), is_usable: true }
    }

    /// Whether another attempt can follow.
    #[must_use]
    pub const fn is_reusable(&self) -> bool {
        self.is_usable
    }

    /// Whether the session is young enough.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.opened.elapsed() < MAX_AGE
    }

    /// Makes one attempt.
    pub async fn send<T: Text>(&mut self, handover: Handover<T>) -> Report {
        let (envelope, mut text) = handover.into_parts();
        let count = envelope.recipients.len();
        let read = read(&mut text, &envelope).await;
        let letter = match read {
            Ok(letter) => letter,
            Err(verdict) => return for_all(count, *verdict, None),
        };
        if envelope.earlier == Earlier::InDoubt
            && let Some(verdict) = self.look_up(&letter, &envelope, 1).await
        {
            return for_all(count, verdict, None);
        }
        let mut report = self.hand_over(&letter, &envelope).await;
        if report.recipients.iter().any(|verdict| verdict.outcome == Outcome::Doubt) {
            self.is_usable = false;
            if let Some(verdict) = self.look_up(&letter, &envelope, LOOKS).await {
                report = for_all(count, verdict, None);
            }
        }
        if report.account.is_some() {
            self.is_usable = false;
        }
        report
    }

    async fn hand_over(&mut self, letter: &Letter, envelope: &Handover<()>) -> Report {
        let count = envelope.recipients.len();
        let mut answered = self.mailbox.api.send_mail(&self.token, &letter.text).await;
        if let Ok(GraphAnswer { status: 401, .. }) = &answered
            && let Some(token) = self.mailbox.another_token(&self.token).await
        {
            debug!("an old token was refused; trying with a new one");
            self.token = token;
            answered = self.mailbox.api.send_mail(&self.token, &letter.text).await;
        }
        let verdict = match answered {
            Ok(answer) => answer.classify(),
            Err(error) if error.sent() == Sent::No => {
                let trouble = self.mailbox.trouble(Stage::Connect, fault_of(&error));
                return for_all(count, trouble.verdict.clone(), Some(trouble));
            }
            Err(error) => {
                let reply = Reply::with(0, EnhancedCode(4, 4, 2), &error.to_string());
                let advice = "The answer of Microsoft Graph was lost. Postroom tries again.";
                let (concern, outcome) = (Concern::Message, Outcome::Doubt);
                Verdict::plain(SEND_MAIL, concern, outcome, Some(reply), advice)
            }
        };
        let octets = u64::try_from(letter.text.len()).unwrap_or(u64::MAX);
        self.mailbox.metrics.upstream().message_bytes.inc_by(octets);
        let trouble = (verdict.concern == Concern::Account).then(|| {
            self.mailbox.metrics.upstream().troubles.inc();
            let fault = verdict.reply.clone().map_or(Fault::Closed, Fault::Reply);
            Trouble { fault, verdict: verdict.clone() }
        });
        for_all(count, verdict, trouble)
    }

    /// Whether the message was sent in spite of a lost answer. `None` when that cannot be known.
    async fn look_up(
        &self,
        letter: &Letter,
        envelope: &Handover<()>,
        looks: u32,
    ) -> Option<Verdict> {
        let message_id = letter.message_id.as_deref()?;
        for look in 0..looks {
            if look > 0 {
                sleep(BETWEEN).await;
            }
            let recipients = || envelope.recipients.iter().map(|one| &one.address);
            match self.mailbox.api.find(&self.token, message_id).await {
                Ok(Ok(found)) if found.iter().any(|one| one.was_sent_to(recipients())) => {
                    let text = "found among the sent messages: the doubt is resolved";
                    let reply = Reply::fixed(0, EnhancedCode(2, 0, 0), text);
                    let (concern, outcome) = (Concern::Message, Outcome::Deliver);
                    let advice = "The server accepted the message.";
                    return Some(Verdict::plain(SEND_MAIL, concern, outcome, Some(reply), advice));
                }
                Ok(Ok(_not_found)) => {}
                Ok(Err(refusal)) => {
                    debug!(status = refusal.status, "the mailbox cannot be searched");
                    return None;
                }
                Err(error) => debug!(%error, "the mailbox cannot be searched"),
            }
        }
        None
    }
}

/// A message as Graph gets it.
struct Letter {
    text: Vec<u8>,
    message_id: Option<String>,
}

/// Reads the message, with a header that names exactly the recipients of this attempt.
async fn read<T: Text>(text: &mut T, envelope: &Handover<()>) -> Result<Letter, Box<Verdict>> {
    let (mut whole, mut chunk) = (Vec::new(), Vec::new());
    loop {
        text.read(&mut chunk).await.map_err(|error| {
            let fault = LocalFault::UnreadableText(error.to_string());
            Box::new(classify(Stage::Body, &fault.into()))
        })?;
        if chunk.is_empty() {
            break;
        }
        whole.extend_from_slice(&chunk);
        if whole.len() > LARGEST {
            let message = "The maximum request length supported is 4MB.".to_owned();
            return Err(Box::new(GraphAnswer { message, ..GraphAnswer::default() }.classify()));
        }
    }
    let recipients: Vec<&Address> = envelope.recipients.iter().map(|one| &one.address).collect();
    let (header, length) = addressed(&whole, &recipients);
    let message_id =
        HeaderBlock::read(&whole).find("Message-ID").map(|field| field.value().trim().to_owned());
    let mut text = header;
    text.extend_from_slice(whole.get(length..).unwrap_or_default());
    Ok(Letter { text, message_id })
}

/// The same verdict for each recipient.
fn for_all(count: usize, verdict: Verdict, account: Option<Trouble>) -> Report {
    Report {
        recipients: vec![verdict; count],
        account,
        counted: Counted::Perhaps,
        dsn: Dsn::EndsHere,
    }
}
