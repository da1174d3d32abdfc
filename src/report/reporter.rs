//! [`Reporter`] informs people. It writes log lines immediately, and it puts notices into the
//! spool, from where they are sent like any mail.

use std::sync::Arc;

use tracing::{error, info, warn};

use crate::{
    attempt::Failure,
    classify::Place,
    clock::Clock,
    metrics::Metrics,
    model::{
        AccountName, Address, BodyKind, DeviceName, Envelope, MailParameters, MessageId, Notify,
        Recipient, RecipientOutcome, ReturnContent, ReversePath, Timestamp, Via,
    },
    report::{
        AccountChange, ReportSettings, Subjects,
        notice::{self, HEADER_LIMIT, Notice, Original, Subject},
        rate::{Leave, NoticeRate},
        subject,
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
    /// The device name of Postroom's own mail. No notice is ever sent about such mail.
    pub const OWN_DEVICE: &'static str = "postroom";

    /// Creates a reporter that puts its notices into `spool`.
    #[must_use]
    pub fn new(settings: ReportSettings, spool: Spool, clock: Clock, metrics: Metrics) -> Self {
        let rate = NoticeRate::new(clock.clone());
        Self(Arc::new(Inner { settings, spool, clock, metrics, rate }))
    }

    /// Logs the outcome of an attempt for one recipient, with the fixed words of
    /// `docs/operations.md`.
    pub fn settled(&self, line: &JournalLine, place: Place) {
        let stage = place.as_str();
        let (id, device, account, recipient) =
            (line.id, &line.device, &line.account, &line.recipient.address);
        let (attempts, doubts) = (line.attempts, line.doubts);
        let reply = line.reply.as_ref().map(tracing::field::display);
        let seconds = line.at.since(line.received).as_secs();
        match line.outcome {
            RecipientOutcome::Delivered => {
                info!(
                    %id, %device, %account, %recipient, attempts, doubts, stage, reply, seconds,
                    "delivered"
                );
            }
            RecipientOutcome::Failed => {
                info!(
                    %id, %device, %account, %recipient, attempts, doubts, stage, reply, seconds,
                    "failed"
                );
            }
            RecipientOutcome::Delayed => {
                info!(
                    %id, %device, %account, %recipient, attempts, doubts, stage, reply, seconds,
                    "delayed"
                );
            }
            RecipientOutcome::Doubtful => {
                info!(
                    %id, %device, %account, %recipient, attempts, doubts, stage, reply, seconds,
                    "doubtful"
                );
            }
            RecipientOutcome::Deleted => {
                info!(
                    %id, %device, %account, %recipient, attempts, doubts, stage, reply, seconds,
                    "deleted"
                );
            }
            // The spool logs these where it finds them out.
            RecipientOutcome::Quarantined | RecipientOutcome::Lost => {}
        }
    }

    /// Sends a failure notice (RFC 3464) about recipients that failed for good to the
    /// administrator, unless the message is a notice itself. The caller calls it after it has
    /// stored the failure and before it removes the message's entry and file, because losing the
    /// notice in a crash is worse than sending it twice.
    ///
    /// # Errors
    /// If the notice cannot be written to disk.
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

    /// Sends a "relayed" notice to a sender that requested `NOTIFY=SUCCESS`, if the server does not
    /// support such requests (RFC 3461 5.2.2).
    ///
    /// # Errors
    /// If the notice cannot be written to disk.
    pub async fn relayed(&self, entry: &Entry, recipients: &[usize]) -> Result<(), SpoolError> {
        let Some(sender) = entry.sender.mailbox().cloned() else {
            return Ok(());
        };
        self.write_notice(entry, Subject::Relayed(recipients), Some(sender)).await
    }

    /// Sends a delay notice about recipients that have waited long.
    ///
    /// # Errors
    /// If the notice cannot be written to disk.
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

    /// Logs a change of an account's state and sends one alert about it, not one for each message.
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
                    "Account \"{account}\" cannot send mail.\n\nWhat happened:\n\
                    {what_happened}\n\nWhat it means and what to do:\n{advice}\n\n{WAITS}\n\n\
                    For the present state: postroom status\nTo try immediately, after you have \
                    corrected the cause: postroom account enable {account}\n"
                );
                (format!("Account \"{account}\" cannot send"), text)
            }
            AccountChange::Recovered => {
                warn!(%account, "account recovered");
                let text = format!(
                    "Account \"{account}\" sends mail again. Postroom now sends the mail that \
                    waited for it. You need not do anything.\n"
                );
                (format!("Account \"{account}\" sends again"), text)
            }
        };
        self.alert(&subject, text).await;
    }

    /// Does the same for one domain of an account that finds its servers by DNS.
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
                    "{subject}.\n\nWhat happened:\n{what_happened}\n\nWhat it means and what to \
                    do:\n{advice}\n\n{DOMAIN_WAITS}\n\nFor the present state: postroom \
                    status\nTo try immediately, after you have corrected the cause: postroom \
                    account enable {account}\n"
                );
                (subject, text)
            }
            AccountChange::Recovered => {
                warn!(%account, domain, "domain recovered");
                let subject = format!("Account \"{account}\" sends to {domain} again");
                let text = format!(
                    "{subject}. Postroom now sends the mail that waited for it. You need not do \
                    anything.\n"
                );
                (subject, text)
            }
        };
        self.alert(&subject, text).await;
    }

    /// Sends an alert about a secret, certificate or sign-in that expires soon. The caller chooses
    /// the time and logs the event.
    pub async fn credential_ends(&self, account: &AccountName, what_ends: &str, advice: &str) {
        let advice = account.in_advice(advice);
        let text = format!(
            "Account \"{account}\": {what_ends}\n\nAfter that, the account cannot send and its \
            mail waits. No mail is lost.\n\nWhat to do:\n{advice}\n\nTo test the account \
            afterwards: postroom account check {account}\n"
        );
        self.alert(&format!("Account \"{account}\": {what_ends}"), text).await;
    }

    /// Sends an alert that the recorded usage of an account was lost, because its mail waits
    /// although the account works. The caller logs the event.
    pub async fn budget_lost(&self, account: &AccountName, until: Timestamp) {
        let text = format!(
            "The index in the data directory was lost, and with it the record of what account \
            \"{account}\" has sent. To stay within the server's limits, Postroom assumes that the \
            recipients of the day are used up. It sends nothing by this account before {until}. No \
            mail is lost.\n\nWhat to do:\nIf you know that little was sent in the last 24 hours, \
            reset the recorded usage: postroom account forget-budget {account}\nAlso check the \
            disk of the data directory and the kernel's log, because an index does not disappear \
            by itself.\n"
        );
        self.alert(
            &format!("Account \"{account}\" waits: the record of what it has sent was lost"),
            text,
        )
        .await;
    }

    /// Logs a problem with one message that a person must look at, such as a message in quarantine
    /// or a lost file, and sends an alert about it.
    pub async fn attention(&self, id: MessageId, what_happened: &str, advice: &str) {
        error!(%id, reason = what_happened, advice, "message needs attention");
        let text = format!(
            "Message {id} needs attention.\n\nWhat happened:\n{what_happened}\n\nWhat to \
            do:\n{advice}\n"
        );
        self.alert(&format!("Message {id} needs attention"), text).await;
    }

    /// Sends a summary of the notices that were withheld, if there are any and the rate permits it.
    /// The daemon calls it regularly.
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
        // RFC 5321 4.5.5 and 6.1 forbid notices to the null sender; these go to the administrator.
        // A notice about a notice could go on for ever.
        let Some(to) = to.filter(|_| entry.device.as_str() != Self::OWN_DEVICE) else {
            return Ok(());
        };
        let Leave::Given { withheld } = self.0.rate.ask() else {
            self.0.metrics.sending().notices_withheld.inc();
            return Ok(());
        };
        let whole = match subject {
            // RFC 3461 4.3: RET=FULL applies to failures only.
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

    /// Reads a message as it was accepted, or returns `None` if it cannot be read.
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

    /// The subject of a message, if the configuration keeps subjects and the file can be read.
    pub async fn subject(&self, id: MessageId) -> Option<String> {
        match self.0.settings.subjects {
            Subjects::Forgotten => None,
            Subjects::Kept => subject::read(&self.header(id).await),
        }
    }

    /// Reads the header of a message, up to the size that a notice contains. If it cannot be read,
    /// the result is empty, because a notice without the header is better than no notice.
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

/// Whether a notice about a recipient is wanted. An explicit `NOTIFY` overrides the default
/// (RFC 3461 4.1).
fn wants(entry: &Entry, index: usize, condition: impl Fn(Notify) -> bool) -> bool {
    entry.recipients.get(index).and_then(|state| state.recipient.notify).is_none_or(condition)
}

/// The largest message that a notice contains as a whole, whatever `RET=` says. RFC 3461 6.2 f
/// permits this limit.
const RETURN_LIMIT: u64 = 1024 * 1024;

const DOMAIN_WAITS: &str = "Mail for other domains is sent as usual. Mail for this domain waits \
    and is sent as soon as its servers accept it. Mail that has waited for retry.give_up_after \
    fails, and you get a notice.";

const WAITS: &str = "No mail is lost or returned because of this. It waits and is sent as soon \
    as the account works again.";
