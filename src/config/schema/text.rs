//! Texts about texts: durations, words that are nearly right, lists of words.

use std::time::Duration;

/// Understands `30m` or `5d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_error| {
        format!(
            "\"{text}\" is not a duration; write a number and a unit, for example \"30m\" or \"5d\""
        )
    })
}

/// Writes a duration in the largest unit that leaves no rest: `90s`, `30m`, `90d`.
pub(super) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
    // A minute is written as "60s", and an hour as "1h".
    let fits = |unit: u64| seconds >= unit && seconds.is_multiple_of(unit) && seconds != 60;
    match units.into_iter().find(|(unit, _)| fits(*unit)) {
        _ if duration.subsec_nanos() != 0 => humantime::format_duration(duration).to_string(),
        Some((unit, letter)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

/// The known word that is most like `word`, if one is like it.
pub(in crate::config) fn nearest<'w>(
    word: &str,
    known: impl Iterator<Item = &'w str>,
) -> Option<&'w str> {
    let (distance, nearest) =
        known.map(|known| (strsim::damerau_levenshtein(known, word), known)).min()?;
    (distance <= 1 + nearest.len() / 3).then_some(nearest)
}

/// Says that `word` is none of the known words, and which of them was probably meant.
pub(in crate::config) fn none_of<'w>(
    word: &str,
    known: impl Iterator<Item = &'w str> + Clone,
) -> String {
    let folded = word.to_ascii_lowercase();
    let lower: Vec<(String, &str)> =
        known.clone().map(|known| (known.to_ascii_lowercase(), known)).collect();
    let meant = nearest(&folded, lower.iter().map(|(lower, _)| lower.as_str()));
    let meant = meant
        .and_then(|meant| lower.iter().find(|(lower, _)| lower == meant))
        .map(|(_, known)| format!("; did you mean \"{known}\"?"))
        .unwrap_or_default();
    format!("\"{word}\" is none of {}{meant}", quoted(known))
}

/// Words, each in quotes, for a person.
pub(in crate::config) fn quoted<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}
