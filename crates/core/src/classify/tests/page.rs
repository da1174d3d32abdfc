//! `docs/replies.md`, which is made from the table.

use crate::classify::{Certainty, Outcome, account_refused, before_mail, exchange, generic, mx};

fn outcome_in_words(outcome: Outcome) -> String {
    match outcome {
        Outcome::Deliver => "delivered".to_owned(),
        Outcome::Retry => "tried again".to_owned(),
        Outcome::RetryAfter(wait) => {
            format!("tried again after {} at the earliest", humantime::format_duration(wait))
        }
        Outcome::NextTransaction => "sent in the next transaction".to_owned(),
        Outcome::Fail => "failed".to_owned(),
        Outcome::Doubt => "in doubt: tried again".to_owned(),
        Outcome::Pause(pause) => format!("account pauses {}", humantime::format_duration(pause)),
        Outcome::Stop => "account stops".to_owned(),
    }
}

fn certainty_in_words(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Stated => "",
        Certainty::UnlessOthersPass => "; if others are accepted, tried again",
        Certainty::UnlessRepeated => "; for several recipients in a row, account stops",
    }
}

/// The part of `docs/replies.md` that lists the table.
fn page() -> String {
    let mut page = String::new();
    let sections = [
        ("Before mail: connection, TLS, login", before_mail::ROWS),
        ("Mail: Exchange Online", exchange::ROWS),
        ("Mail: refusals of the account, by any server", account_refused::ROWS),
        ("Direct send: the domain's mail server", mx::ROWS),
        ("Mail: any server", generic::ROWS),
        ("Before mail: everything else", before_mail::CLASSES),
    ];
    for (title, rows) in sections {
        page.push_str(&format!(
            "## {title}\n\n| reply | says | what follows | what to do |\n|---|---|---|---|\n"
        ));
        for row in rows {
            let at = row.at.iter().map(|stage| format!("{stage:?}")).collect::<Vec<_>>().join(", ");
            let codes = if at.is_empty() {
                format!("`{}`", row.codes)
            } else {
                format!("`{}` at {at}", row.codes)
            };
            let says = row
                .says
                .iter()
                .map(|words| format!("\u{201c}{words}\u{201d}"))
                .collect::<Vec<_>>()
                .join(" or ");
            page.push_str(&format!(
                "| {codes} | {says} | {} | {} |\n",
                outcome_in_words(row.outcome) + certainty_in_words(row.certainty),
                row.advice.replace('|', "\\|").replace('<', "&lt;")
            ));
        }
        page.push('\n');
    }
    page
}

#[test]
fn the_page_for_the_administrator_lists_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/replies.md");
    let found = std::fs::read_to_string(path).unwrap();
    let (introduction, table) = found.split_once("## ").unwrap();
    let expected = page();
    if format!("## {table}").trim() != expected.trim() {
        // The page is made from the table; whoever changes the table commits the new page.
        std::fs::write(path, format!("{introduction}{}\n", expected.trim_end())).unwrap();
        panic!("docs/replies.md was out of date and has been written anew: commit it");
    }
}
