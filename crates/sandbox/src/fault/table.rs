//! The fault tables for `--list-faults` and `docs/sandbox.md`.

use std::fmt::Write;

use crate::fault::{
    effect::{Effect, FaultRow},
    replies::replies,
    rows::NAMED,
    stage::{Plain, Stage},
};

const PLAIN: &[(&str, Plain, &str)] = &[
    (
        "<code>",
        Plain::Code,
        "answers with this 4xx or 5xx code; 421 also closes; at the stage `body`: answers in the \
        middle of the text and closes",
    ),
    ("drop", Plain::Drop, "closes without an answer (at end of data: after storing)"),
    ("reset", Plain::Reset, "the same, by TCP reset"),
    ("silence", Plain::Silence, "never answers again"),
    ("slow", Plain::Slow, "gives the right answer, one octet at a time"),
    ("garbage", Plain::Garbage, "gives an answer that is not SMTP"),
];

/// A line of the table, in either format.
struct TableRow {
    name: String,
    chosen_by: &'static str,
    what: String,
}

fn lines() -> Vec<TableRow> {
    let plain = Stage::ALL.iter().flat_map(|stage| {
        let fitting = PLAIN
            .iter()
            .filter(|(_, plain, _)| stage.takes(*plain))
            .map(|(word, _, _)| *word)
            .collect::<Vec<_>>();
        let name = format!("{}-({})", stage.as_str(), fitting.join("|"));
        std::iter::once(TableRow {
            name,
            chosen_by: stage.chosen_by(),
            what: "see above".to_owned(),
        })
    });
    plain.chain(NAMED.iter().chain(replies()).map(line)).collect()
}

fn line(row: &FaultRow) -> TableRow {
    let what = match &row.effect {
        Effect::Reply(text) if row.name.starts_with("reply-") => format!("{}: {text}", row.says),
        Effect::Reply(_)
        | Effect::Drop
        | Effect::Reset
        | Effect::Silence
        | Effect::Slow
        | Effect::Garbage
        | Effect::DropLost
        | Effect::SilenceLost
        | Effect::DropAfter354
        | Effect::SlowDot
        | Effect::HideStartTls
        | Effect::HideAuth
        | Effect::WrongName
        | Effect::UntrustedIssuer
        | Effect::Expired => row.says.to_owned(),
    };
    TableRow { name: row.name.to_owned(), chosen_by: row.stage.chosen_by(), what }
}

/// The table that `postroom sandbox --list-faults` prints.
#[must_use]
pub fn plain_table() -> String {
    let mut out = String::new();
    for (word, _, what) in PLAIN {
        line_to(&mut out, format_args!("  {word:<10} {what}"));
    }
    for TableRow { name, chosen_by, what } in lines() {
        line_to(&mut out, format_args!("{name}\n    [{chosen_by}] {what}"));
    }
    out
}

/// The table in `docs/sandbox.md`.
#[must_use]
pub fn markdown_table() -> String {
    let mut out = String::from("| effect | what happens |\n|---|---|\n");
    for (word, _, what) in PLAIN {
        line_to(&mut out, format_args!("| `{word}` | {what} |"));
    }
    out.push_str("\n| fault | chosen by | what happens |\n|---|---|---|\n");
    for TableRow { name, chosen_by, what } in lines() {
        line_to(
            &mut out,
            format_args!(
                "| `{}` | {chosen_by} | {} |",
                name.replace('|', "\\|"),
                what.replace('|', "\\|")
            ),
        );
    }
    out
}

fn line_to(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _infallible = writeln!(out, "{line}");
}
