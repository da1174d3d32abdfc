//! What two accounts must not share: a mailbox, whose limits the server counts once, and a pattern,
//! which selects only the first.

use super::{
    account::{PRESETS, Preset},
    placed::Placed,
    problem::Severity,
    reader::Reader,
};
use crate::{
    model::{Address, Pattern},
    queue::AccountSettings,
    upstream::Route,
};

pub(super) fn check(reader: &Reader<'_>, accounts: &[Placed<AccountSettings>]) {
    for (index, account) in accounts.iter().enumerate() {
        let before = accounts.get(..index).unwrap_or_default();
        mailbox(reader, account, before);
        pool(reader, "for_senders", account, before, |account| &account.for_senders);
        pool(reader, "for_recipients", account, before, |account| &account.for_recipients);
    }
}

/// Two accounts of one mailbox must divide its limits; each must not have all of them.
fn mailbox(
    reader: &Reader<'_>,
    account: &Placed<AccountSettings>,
    before: &[Placed<AccountSettings>],
) {
    let Some((preset, login)) = login(&account.value) else { return };
    let same = |other: &&Placed<AccountSettings>| {
        self::login(&other.value)
            .is_some_and(|(service, user)| service.name == preset.name && user == login)
    };
    let Some(first) = before.iter().find(same) else { return };
    let all = || before.iter().filter(same).chain([account]).map(|account| &account.value.limits);
    let sum = |of: fn(&AccountSettings) -> Option<u32>| {
        let each = before
            .iter()
            .filter(same)
            .chain([account])
            .map(|account| of(&account.value).map(u64::from));
        each.sum::<Option<u64>>()
    };
    let known = preset.limits;
    let connections = u64::try_from(all().map(|limits| limits.connections).sum::<usize>()).ok();
    let sums = [
        (
            "messages a minute",
            sum(|account| account.limits.messages_per_minute),
            known.messages_per_minute.map(u64::from),
        ),
        (
            "recipients a day",
            sum(|account| account.limits.recipients_per_day),
            known.recipients_per_day.map(u64::from),
        ),
        ("connections", connections, u64::try_from(known.connections).ok()),
    ];
    let above = sums.into_iter().find_map(|(what, ours, theirs)| {
        let theirs = theirs.filter(|theirs| ours.is_none_or(|ours| ours > *theirs))?;
        Some((
            what,
            ours.map_or_else(|| "any number of".to_owned(), |ours| ours.to_string()),
            theirs,
        ))
    });
    if let Some((what, ours, theirs)) = above {
        let text = format!(
            "logs in as {login}, and so does {}: the server applies its limits to the mailbox, but \
            together the accounts may use {ours} {what} of its {theirs}; merge them, or write \
            `limits` whose sum is within those of the mailbox",
            first.key
        );
        reader.note(Severity::Error, &format!("{}.auth", account.key), text);
    }
}

/// The login at a service whose limits are known.
fn login(account: &AccountSettings) -> Option<(&'static Preset, String)> {
    // Graph and SMTP send from the same mailbox, and the server counts both.
    if let Route::Graph(graph) = &account.route {
        return Some((PRESETS.first()?, graph.mailbox.as_str().to_lowercase()));
    }
    let server = account.route.server()?;
    let user = &server.auth.as_ref()?.user;
    let host = server.host.to_lowercase();
    // A mailbox of Exchange Online is the same under each of the service's names.
    let is_another_service =
        matches!(host.as_str(), "smtp-hve.office365.com" | "smtp-mail.outlook.com");
    let is_exchange_online =
        !is_another_service && (host.ends_with(".outlook.com") || host.ends_with(".office365.com"));
    let known = PRESETS.iter().find(|preset| preset.host == Some(host.as_str()));
    let preset = known.or_else(|| PRESETS.first().filter(|_| is_exchange_online))?;
    let has_limits =
        preset.limits.messages_per_minute.is_some() || preset.limits.recipients_per_day.is_some();
    has_limits.then(|| (preset, user.to_lowercase()))
}

fn pool(
    reader: &Reader<'_>,
    name: &str,
    account: &Placed<AccountSettings>,
    before: &[Placed<AccountSettings>],
    patterns: fn(&AccountSettings) -> &Vec<Pattern>,
) {
    for pattern in patterns(&account.value) {
        let taken = before.iter().find_map(|other| {
            let found = patterns(&other.value).iter().find(|earlier| covers(earlier, pattern))?;
            Some((&other.key, found))
        });
        if let Some((key, earlier)) = taken {
            let text = format!(
                "\"{}\" never applies here: the first account that matches is chosen, and \
                {key}.{name} has \"{}\"; remove one of them",
                pattern.as_str(),
                earlier.as_str()
            );
            reader.note(Severity::Warning, &format!("{}.{name}", account.key), text);
        }
    }
}

/// Whether every address that fits the later pattern fits the earlier one.
fn covers(earlier: &Pattern, later: &Pattern) -> bool {
    let is_one = |address: Address| !later.as_str().contains('*') && earlier.fits(&address);
    earlier == later
        || earlier.as_str() == "*"
        || later.as_str().parse::<Address>().is_ok_and(is_one)
}
