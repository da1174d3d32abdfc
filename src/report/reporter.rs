//! The handle that tells people: writes log lines at once, and notices into the spool, whence they
//! go like any mail.

use std::sync::Arc;

use tracing::{error, info, warn};

use crate::{
    clock::Clock,
    metrics::Metrics,
    model::{
        AccountName, Address, BodyKind, DeviceName, Envelope, MailParameters, MessageId, Notify,
        Recipient, ReturnContent, ReversePath, Timestamp, Via,
    },
    report::{
        AccountChange, Failure, ReportSettings, Word,
        notice::{self, HEADER_LIMIT, Notice, Original, Subject},
        rate::{Leave, NoticeRate},
    },
    spool::{Entry, JournalLine, Spool, SpoolError},
};

/// Writes notices into the spool. Cheap to clone.
#[derive(Clone)]
pub struct Reporter(Arc<Inner>);

struct Inner {
    settings: ReportSettings,
    spool: Spool,
    clock: Clock,
    metrics: Metrics,
    rate: NoticeRate,
}

impl Reporter {
    /// The device name of our own mail. No notice is ever made about it.
    pub const OWN_DEVICE: &'static str = "postroom";

    /// Notices go out through the spool like any mail.
    #[must_use]
    pub fn new(settings: ReportSettings, spool: Spool, clock: Clock, metrics: Metrics) -> Self {
        let rate = NoticeRate::new(clock.clone());
        Self(Arc::new(Inner { settings, spool, clock, metrics, rate }))
    }

    /// One log line for each recipient that has news, with the fixed words of `docs/operations.md`.
    pub fn settled(&self, line: &JournalLine, word: Word, stage: &'static str) {
        let (id, device, account, recipient) =
            (line.id, &line.device, &line.account, &line.recipient.address);
        let (attempts, doubts) = (line.attempts, line.doubts);
        let reply = line.reply.as_ref().map(tracing::field::display);
        let seconds = line.at.since(line.received).as_secs();
        match word {
            Word::Delivered => {
                info!(%id, %device, %account, %recipient, attempts, doubts, stage, reply, seconds, "delivered");
            }
            Word::Failed => {
                info!(%id, %device, %account, %recipient, attempts, doubts, stage, reply, seconds, "failed");
            }
            Word::Delayed => {
                info!(%id, %device, %account, %recipient, attempts, doubts, stage, reply, seconds, "delayed");
            }
            Word::Doubtful => {
                info!(%id, %device, %account, %recipient, attempts, doubts, stage, reply, seconds, "doubtful");
            }
            Word::Deleted => {
                info!(%id, %device, %account, %recipient, attempts, doubts, stage, reply, seconds, "deleted");
            }
        }
    }

    /// Recipients were given up: a failure notice (RFC 3464) to the administrator, unless the
    /// message is a notice itself. Call it when the failure is stored; losing the notice in a crash
    /// is worse than sending it twice, so it is written before the message's entry and file go.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn failed(&self, entry: &Entry, failures: &[Failure]) -> Result<(), SpoolError> {
        let told: Vec<Failure> = failures
            .iter()
            .filter(|failure| wants(entry, failure.index, |notify| notify.failure))
            .copied()
            .collect();
        if told.is_empty() {
            return Ok(());
        }
        self.write_notice(entry, Subject::Failed(&told), self.0.settings.administrator.clone())
            .await
    }

    /// Recipients were handed to a server that will tell nothing of them: the sender asked to be
    /// told of success (RFC 3461 5.2.2).
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn relayed(&self, entry: &Entry, recipients: &[usize]) -> Result<(), SpoolError> {
        let Some(sender) = entry.sender.mailbox().cloned() else {
            return Ok(());
        };
        self.write_notice(entry, Subject::Relayed(recipients), Some(sender)).await
    }

    /// Recipients have waited long: a delay notice.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn delayed(
        &self,
        entry: &Entry,
        will_retry_until: Timestamp,
    ) -> Result<(), SpoolError> {
        let mut recipients =
            entry.recipients.iter().enumerate().filter(|(_, state)| state.due().is_some());
        if !recipients.any(|(index, _)| wants(entry, index, |notify| notify.delay)) {
            return Ok(());
        }
        self.write_notice(
            entry,
            Subject::Delayed { until: will_retry_until },
            self.0.settings.administrator.clone(),
        )
        .await
    }

    /// An account changed its state: one alert for the change, not one for each message.
    pub async fn account_changed(
        &self,
        account: &AccountName,
        change: AccountChange,
        what_happened: &str,
        advice: &str,
    ) {
        let advice = account.in_advice(advice);
        let (subject, text) = match change {
            AccountChange::Hiccup => {
                warn!(%account, reason = what_happened, advice, "account paused");
                return;
            }
            AccountChange::Trouble => {
                error!(%account, reason = what_happened, advice, "account in trouble");
                let text = format!(
                    "Account \"{account}\" cannot send.\n\nWhat happened: \
                    {what_happened}\n\n{advice}\n\n{WAITS}\n"
                );
                (format!("Account \"{account}\" cannot send"), text)
            }
            AccountChange::Recovered => {
                warn!(%account, "account recovered");
                let text = format!(
                    "Account \"{account}\" sends again.\nMail that waited for it is on its way.\n"
                );
                (format!("Account \"{account}\" sends again"), text)
            }
        };
        self.alert(&subject, text).await;
    }

    /// The same of one domain of an account that finds its servers by DNS.
    pub async fn domain_changed(
        &self,
        account: &AccountName,
        domain: &str,
        change: AccountChange,
        what_happened: &str,
        advice: &str,
    ) {
        let (subject, text) = match change {
            AccountChange::Hiccup => {
                warn!(%account, domain, reason = what_happened, advice, "domain paused");
                return;
            }
            AccountChange::Trouble => {
                error!(%account, domain, reason = what_happened, advice, "domain in trouble");
                let subject = format!("Account \"{account}\" cannot send to {domain}");
                let text = format!(
                    "{subject}.\n\nWhat happened: {what_happened}\n\n{advice}\n\n{DOMAIN_WAITS}\n"
                );
                (subject, text)
            }
            AccountChange::Recovered => {
                warn!(%account, domain, "domain recovered");
                let subject = format!("Account \"{account}\" sends to {domain} again");
                let text = format!("{subject}.\nMail that waited for it is on its way.\n");
                (subject, text)
            }
        };
        self.alert(&subject, text).await;
    }

    /// A secret, certificate or sign-in will end: an alert in time. The caller says when, and logs.
    pub async fn credential_ends(&self, account: &AccountName, what_ends: &str, advice: &str) {
        let advice = account.in_advice(advice);
        let text = format!(
            "Account \"{account}\": {what_ends}\nFrom then on it cannot send; its mail will \
            wait.\n\n{advice}\n"
        );
        self.alert(&format!("Account \"{account}\": {what_ends}"), text).await;
    }

    /// What an account has sent is no longer known: an alert, since its mail waits though the
    /// account is well. The caller logs.
    pub async fn budget_lost(&self, account: &AccountName, until: Timestamp) {
        let text = format!(
            "The index in the data folder was lost, and with it the count of what account \
            \"{account}\" has sent. So that it does not exceed the server's limits, its budget of \
            the day counts as used up: nothing goes by it before {until}. No mail is lost.\n\nWho \
            knows that little was sent in the last 24 hours, may say so:\n\npostroom account \
            forget-budget {account}\n\nLook at the disk of the data folder, too: an index does not \
            vanish by itself.\n"
        );
        self.alert(
            &format!("Account \"{account}\" waits: what it has sent is not known any more"),
            text,
        )
        .await;
    }

    /// Something that a person must look at, beside accounts and failed mail: a message in
    /// quarantine, a lost file.
    pub async fn attention(&self, id: MessageId, what_happened: &str, advice: &str) {
        error!(%id, reason = what_happened, advice, "message needs attention");
        let text = format!("Message {id}: {what_happened}\n\n{advice}\n");
        self.alert(&format!("Message {id} needs attention"), text).await;
    }

    /// Writes of notices that were withheld, if there are any and it is time. Called now and then.
    pub async fn catch_up(&self) {
        if self.0.settings.administrator.is_some()
            && let Some(withheld) = self.0.rate.summary()
        {
            warn!(withheld, "notices withheld");
            self.write_alert(
                &format!("{withheld} notices were not sent"),
                notice::summary(withheld),
            )
            .await;
        }
    }

    async fn write_notice(
        &self,
        entry: &Entry,
        subject: Subject<'_>,
        to: Option<Address>,
    ) -> Result<(), SpoolError> {
        // RFC 5321 4.5.5 and 6.1: no notice about a message with a null sender, nor about one of
        // our own.
        let Some(to) = to.filter(|_| {
            entry.sender != ReversePath::Null && entry.device.as_str() != Self::OWN_DEVICE
        }) else {
            return Ok(());
        };
        let Leave::Given { withheld } = self.0.rate.ask() else {
            self.0.metrics.sending().notices_withheld.inc();
            return Ok(());
        };
        let whole = match subject {
            // RFC 3461 4.3: RET=FULL speaks of failures alone.
            Subject::Failed(_) => {
                entry.parameters.ret == Some(ReturnContent::Full)
                    && entry.size.octets() <= RETURN_LIMIT
            }
            Subject::Delayed { .. } | Subject::Relayed(_) => false,
        };
        let original = if whole { self.whole(entry.id).await } else { None };
        let original = match original {
            Some(text) => Original::Whole(text),
            None => Original::Header(self.header(entry.id).await),
        };
        let (id, now) = (self.0.spool.new_id(), self.0.clock.now());
        let notice = Notice {
            settings: &self.0.settings,
            to: &to,
            id,
            now,
            entry,
            subject,
            original: &original,
            withheld,
        };
        let text = notice.render();
        self.write(id, now, to, &text).await
    }

    async fn alert(&self, subject: &str, text: String) {
        if self.0.settings.administrator.is_none() {
            return;
        }
        match self.0.rate.ask() {
            Leave::Given { .. } => self.write_alert(subject, text).await,
            Leave::Withheld => {
                self.0.metrics.sending().notices_withheld.inc();
            }
        }
    }

    async fn write_alert(&self, subject: &str, text: String) {
        let (id, now) = (self.0.spool.new_id(), self.0.clock.now());
        let text = notice::alert(&self.0.settings, id, now, subject, text);
        let Some(administrator) = self.0.settings.administrator.clone() else {
            return;
        };
        if let Err(problem) = self.write(id, now, administrator, &text).await {
            error!(%problem, subject, "alert not written");
        }
    }

    async fn write(
        &self,
        id: MessageId,
        now: Timestamp,
        to: Address,
        text: &[u8],
    ) -> Result<(), SpoolError> {
        let envelope = Envelope {
            id,
            received: now,
            device: DeviceName::from(Self::OWN_DEVICE),
            via: Via {
                peer: None,
                helo: self.0.settings.hostname.clone(),
                esmtp: true,
                tls: None,
                user: None,
            },
            sender: ReversePath::Null,
            recipients: vec![Recipient::new(to)],
            parameters: MailParameters {
                body: BodyKind::EightBitMime,
                smtputf8: false,
                ret: None,
                envid: None,
            },
        };
        let mut incoming = self.0.spool.receive(envelope, self.0.settings.account.clone()).await?;
        incoming.write(text).await?;
        incoming.commit().await?;
        self.0.metrics.sending().notices.inc();
        Ok(())
    }

    /// A message as it was accepted; none when it cannot be read.
    async fn whole(&self, id: MessageId) -> Option<Vec<u8>> {
        let mut body = self.0.spool.body(id).await.ok()?;
        let (mut text, mut chunk) = (Vec::new(), Vec::new());
        loop {
            body.read(&mut chunk).await.ok()?;
            if chunk.is_empty() {
                return Some(text);
            }
            text.extend_from_slice(&chunk);
        }
    }

    /// The header of a message, as far as a notice shows it. A notice without it is better than
    /// none.
    async fn header(&self, id: MessageId) -> Vec<u8> {
        let mut header = Vec::new();
        let Ok(mut body) = self.0.spool.body(id).await else {
            return header;
        };
        let mut chunk = Vec::new();
        while header.len() < HEADER_LIMIT
            && body.read(&mut chunk).await.is_ok()
            && !chunk.is_empty()
        {
            header.extend_from_slice(&chunk);
            if let Some(end) = header.windows(4).position(|four| four == b"\r\n\r\n") {
                header.truncate(end.saturating_add(2));
                break;
            }
        }
        let end = header
            .iter()
            .take(HEADER_LIMIT)
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last.saturating_add(1));
        header.truncate(end);
        header
    }
}

/// Whether the sender wants to hear of a recipient. RFC 3461 4.1: what was asked for goes before
/// the usual.
fn wants(entry: &Entry, index: usize, condition: impl Fn(Notify) -> bool) -> bool {
    entry.recipients.get(index).and_then(|state| state.recipient.notify).is_none_or(condition)
}

/// A larger message is not returned whole, whatever `RET=` says: RFC 3461 6.2 f lets us spare the
/// mailbox that is told.
const RETURN_LIMIT: u64 = 1024 * 1024;

const DOMAIN_WAITS: &str = "Mail for other domains goes on. What is for this one waits, and goes \
    as soon as its servers take it; what has waited for retry.give_up_after fails, and you are \
    told.";

const WAITS: &str =
    "No mail is lost or returned for this: it waits, and goes as soon as the account works again.";
