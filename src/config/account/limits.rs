//! `[account.limits]` and `[account.batch]`.

use super::preset::{Preset, Service};
use crate::{
    config::{
        schema::{
            Key, Limit, Named, Word as _,
            account::{
                ACCOUNT_CONNECTIONS, BATCH_MESSAGES, INTERVAL, MESSAGE_SIZE, MESSAGES_PER_MINUTE,
                RECIPIENTS_PER_DAY, RECIPIENTS_PER_MESSAGE, SPLIT,
            },
        },
        table::Table,
    },
    queue::{BatchSettings, LimitSettings, Split},
};

pub(super) fn read(table: &Table<'_>, preset: &Preset) -> LimitSettings {
    let known = preset.limits;
    let rate = |key: &Key<Option<Limit<u32>>>, known| table.get(key).map_or(known, Limit::most);
    let limits = LimitSettings {
        messages_per_minute: rate(&MESSAGES_PER_MINUTE, known.messages_per_minute),
        recipients_per_day: rate(&RECIPIENTS_PER_DAY, known.recipients_per_day),
        recipients_per_message: table
            .get(&RECIPIENTS_PER_MESSAGE)
            .unwrap_or(known.recipients_per_message),
        connections: table.get(&ACCOUNT_CONNECTIONS).unwrap_or(known.connections),
        message_size: table.get(&MESSAGE_SIZE).map_or(known.message_size, Limit::most),
    };
    let above = |key: &dyn Named, ours: Option<u32>, theirs: Option<u32>| {
        if let Some(theirs) = theirs
            && ours.is_none_or(|ours| ours > theirs)
        {
            let (service, source) = (preset.name, preset.source);
            table.warning(
                key,
                format!(
                    "is above what {service} allows by default ({theirs}; {source}): the server \
                    refuses what exceeds its limit, and may block the mailbox"
                ),
            );
        }
    };
    above(&MESSAGES_PER_MINUTE, limits.messages_per_minute, known.messages_per_minute);
    above(&RECIPIENTS_PER_DAY, limits.recipients_per_day, known.recipients_per_day);
    above_the_mailbox(table, preset, &limits);
    limits
}

/// Warns about limits above those that the service enforces.
fn above_the_mailbox(table: &Table<'_>, preset: &Preset, ours: &LimitSettings) {
    let Preset { name, source, limits: known, .. } = preset;
    if ours.recipients_per_message > known.recipients_per_message
        && (preset.is_strict || preset.service == Service::ExchangeOnline)
    {
        let most = known.recipients_per_message;
        let unless = if preset.is_strict {
            ""
        } else {
            ", unless an administrator has raised the mailbox's RecipientLimits (to at most 1000)"
        };
        table.warning(
            &RECIPIENTS_PER_MESSAGE,
            format!("is above what {name} accepts in one transaction ({most}; {source}){unless}"),
        );
    }
    if preset.host.is_some() && ours.connections > known.connections {
        table.warning(
            &ACCOUNT_CONNECTIONS,
            format!("is above what {name} permits at once ({}; {source})", known.connections),
        );
    }
    if let Some(most) =
        known.message_size.filter(|most| ours.message_size.is_none_or(|ours| ours > *most))
    {
        let unless = match preset.service {
            Service::ExchangeOnline => {
                ", unless an administrator has raised the mailbox's MaxSendSize (to at most 150MB)"
            }
            Service::Microsoft | Service::Azure | Service::Other => "",
        };
        table.warning(
            &MESSAGE_SIZE,
            format!(
                "is above what {name} accepts ({most}; {source}){unless}: Postroom would try \
                larger messages, and they would fail"
            ),
        );
    }
}

/// `[account.batch]`.
pub(in crate::config) fn batch(table: &Table<'_>) -> BatchSettings {
    let interval = table.get(&INTERVAL);
    if interval > BatchSettings::LONGEST_REST {
        table.error(&INTERVAL, "is longer than a day; write for example \"60s\"");
    }
    BatchSettings { messages: table.get(&BATCH_MESSAGES), interval, split: table.get(&SPLIT) }
}

/// The keys of `[account.batch]` with their values as people see them.
pub(in crate::config) fn batch_texts(batch: &BatchSettings) -> [(&'static str, String); 3] {
    let split = Split::WORDS.iter().find(|(_, split)| *split == batch.split);
    [
        (BATCH_MESSAGES.name(), batch.messages.to_string()),
        (INTERVAL.name(), humantime::format_duration(batch.interval).to_string()),
        (SPLIT.name(), split.map_or("", |(word, _)| *word).to_owned()),
    ]
}
