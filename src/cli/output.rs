//! Formats tables, durations and sizes, and writes to the terminal.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    time::Duration,
};

use serde::Serialize;

use crate::model::{ByteSize, Timestamp};

/// Writes to standard output.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes one line to standard output.
pub(super) fn say(line: &str) -> io::Result<()> {
    print(&format!("{line}\n"))
}

/// Writes a value as JSON, for scripts. It is indented, because people read it too.
pub(super) fn print_json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    Ok(say(&serde_json::to_string_pretty(value)?)?)
}

/// Writes to standard error. A failure is ignored, because there is nowhere left to report it.
pub(super) fn complain(text: &str) {
    if writeln!(io::stderr(), "{text}").is_err() {}
}

/// Asks the user to confirm. Fails if standard input is not a terminal.
pub(super) fn confirm(question: &str) -> anyhow::Result<Answer> {
    if !io::stdin().is_terminal() {
        anyhow::bail!(
            "{question}\nStandard input is not a terminal, so Postroom cannot ask. To confirm, add \
            --yes."
        );
    }
    print(&format!("{question} [y/N] "))?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(if line.trim().eq_ignore_ascii_case("y") || line.trim().eq_ignore_ascii_case("yes") {
        Answer::Yes
    } else {
        Answer::No
    })
}

/// The user's answer to a question.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
}

/// Formats a size for people: `194 octets`, `28 KB`, `3.4 MB`. Rounds up.
pub(super) fn size(size: ByteSize) -> String {
    const KB: u64 = 1 << 10;
    const MB: u64 = 1 << 20;
    match size.octets() {
        octets @ 0..KB => plural(octets, "octet"),
        octets @ KB..MB => format!("{} KB", octets.div_ceil(KB)),
        octets => {
            let tenths = octets.saturating_mul(10).div_ceil(MB);
            format!("{}.{} MB", tenths / 10, tenths % 10)
        }
    }
}

/// Formats a count with its noun: `1 message`, `2 messages`.
pub(super) fn plural(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Formats a table. Each column is as wide as its widest cell, and lines have no trailing blanks.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> =
            cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(&mut header.iter().copied());
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// Formats a duration with at most two units, in whole seconds: `4m`, `2h 5m`, `3d 4h`.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds % 60, "s")];
    let from_first: Vec<_> = parts.iter().skip_while(|(count, _)| *count == 0).take(2).collect();
    let shown: Vec<String> = from_first
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }
}

/// Formats a time relative to now: `5m ago`, `in 25m`, `now`.
pub(super) fn relative(at: Timestamp, now: Timestamp) -> String {
    let (ago, ahead) = (now.since(at), at.since(now));
    if ahead.as_secs() > 0 {
        format!("in {}", span(ahead))
    } else if ago.as_secs() > 0 {
        format!("{} ago", span(ago))
    } else {
        "now".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3605, "1h"),
            (3665, "1h 1m"),
            (90_061, "1d 1h"),
            (86_400, "1d"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_size_has_a_unit_and_is_never_made_smaller() {
        for (octets, text) in [
            (1, "1 octet"),
            (194, "194 octets"),
            (1024, "1 KB"),
            (1025, "2 KB"),
            (1 << 20, "1.0 MB"),
            (3_500_000, "3.4 MB"),
        ] {
            assert_eq!(size(ByteSize::from_octets(octets)), text);
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows =
            vec![vec!["é1".to_owned(), "x".to_owned()], vec!["a".to_owned(), "long".to_owned()]];
        assert_eq!(table(&["ID", "WHAT"], &rows), "ID  WHAT\né1  x\na   long\n");
    }

    #[test]
    fn a_time_is_told_from_now() {
        let now = Timestamp::from_millis(1_000_000);
        assert_eq!(relative(Timestamp::from_millis(1_000_000 - 300_000), now), "5m ago");
        assert_eq!(relative(Timestamp::from_millis(2_800_000), now), "in 30m");
        assert_eq!(relative(now, now), "now");
    }
}
