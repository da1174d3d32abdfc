//! What came of a fault: for the recipients, for the account, and in the administrator's mail.

use std::collections::BTreeMap;

use postroom::{
    clock,
    model::Timestamp,
    queue::AccountState,
    spool::{Entry, RecipientState, Spool},
};

use super::RECIPIENTS;

/// What came of a row.
pub(super) struct Played {
    pub(super) becomes: [String; 2],
    pub(super) state: String,
    pub(super) advice: String,
    /// Each recipient's outcome when all was over.
    pub(super) settled: BTreeMap<String, String>,
    /// How often each recipient got the message.
    pub(super) copies: [usize; 2],
    /// The notices to the administrator.
    pub(super) told: Vec<String>,
}

impl Played {
    /// The row as it was; and what is wrong with it whatever the table says.
    pub(super) fn row(&self, fault: &str) -> (String, Option<String>) {
        let [first, second] = &self.becomes;
        let sentence = if self.advice.is_empty() { self.sentence() } else { self.advice.clone() };
        let row =
            format!("(\"{fault}\", \"{first}\", \"{second}\", \"{}\", {sentence:?}),", self.state);
        let lost = RECIPIENTS.iter().zip(self.copies).zip(&self.becomes).find_map(
            |((address, copies), became)| {
                let told = self.told.iter().any(|notice| {
                    notice.contains("could not be delivered") && notice.contains(address)
                });
                // A doubt may become a double, and never a loss.
                let whole = match self.settled.get(*address).map(String::as_str) {
                    Some("delivered") => {
                        copies == 1 || (copies == 2 && became.starts_with("doubt"))
                    }
                    Some("failed") => copies == 0 && told,
                    _ => false,
                };
                (!whole).then(|| {
                    format!(
                        "{fault}: {address} {:?}, {copies} copies, told: {told}",
                        self.settled.get(*address)
                    )
                })
            },
        );
        (row, lost.or_else(|| self.alerted_wrongly(fault)))
    }

    /// One alert for an account that stops, or pauses for long; none for what is over soon.
    fn alerted_wrongly(&self, fault: &str) -> Option<String> {
        let pause = self
            .state
            .strip_prefix("paused ")
            .and_then(|pause| pause.strip_suffix(" s")?.parse::<u64>().ok());
        let wanted =
            usize::from(self.state == "stopped" || pause.is_some_and(|pause| pause >= 1800));
        let alerts = self.told.iter().filter(|notice| notice.contains("cannot send")).count();
        (alerts != wanted).then(|| format!("{fault}: {alerts} alerts"))
    }

    /// What a failure notice says after the facts.
    fn sentence(&self) -> String {
        let notice = self.told.iter().find(|notice| notice.contains("could not be delivered"));
        let after = notice.and_then(|notice| notice.split_once("Attempts:"));
        let line = after.and_then(|(_, rest)| rest.lines().skip(1).find(|line| !line.is_empty()));
        line.unwrap_or_default().to_owned()
    }
}

pub(super) fn outcomes(spool: &Spool) -> BTreeMap<String, String> {
    let lines = spool.journal(None, 1000).unwrap().into_iter();
    lines.map(|line| (line.recipient.address.to_string(), line.outcome.to_string())).collect()
}

/// `delivered`, `failed`, `waits 30 min`, `doubt, waits 30 min`, `untouched`.
pub(super) fn becomes(
    address: &str,
    entry: Option<&Entry>,
    settled: &BTreeMap<String, String>,
) -> String {
    if let Some(outcome) = settled.get(address) {
        return outcome.clone();
    }
    let of = |recipient: &&RecipientState| recipient.recipient.address.as_str() == address;
    let Some(recipient) = entry.and_then(|entry| entry.recipients.iter().find(of)) else {
        return "lost".to_owned();
    };
    let (Some(due), Some(last)) = (recipient.due(), recipient.last_attempt) else {
        return "untouched".to_owned();
    };
    let doubt = if recipient.doubts.is_empty() { "" } else { "doubt, " };
    // From the end of the attempt, which is later than its beginning by less than a minute.
    format!("{doubt}waits {} min", due.since(last).as_secs() / 60)
}

/// The state, with the length of a pause, and the advice.
pub(super) fn account_state(account: &AccountState) -> (String, String) {
    let now: Timestamp = clock::system().now();
    match account {
        AccountState::Ready => ("ready".to_owned(), String::new()),
        // Read a moment later: rounded up.
        AccountState::Paused { until, advice, .. } => {
            (format!("paused {} s", until.since(now).as_secs().div_ceil(10) * 10), advice.clone())
        }
        AccountState::Stopped { advice, .. } => ("stopped".to_owned(), advice.clone()),
        AccountState::Disabled => ("disabled".to_owned(), String::new()),
    }
}
