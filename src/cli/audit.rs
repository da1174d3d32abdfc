//! `postroom audit`: the changes that people have made.

use std::path::Path;

use super::{
    arguments::AuditArguments,
    client::Client,
    output::{print, print_json, relative, table},
};
use crate::{admin::AuditLine, clock::Clock, model::Timestamp};

/// Prints the latest changes, the latest first.
pub(super) async fn audit(
    config: &Path,
    arguments: &AuditArguments,
    clock: &Clock,
) -> anyhow::Result<()> {
    let path = format!("/api/v1/audit?limit={}", arguments.limit);
    let lines: Vec<AuditLine> = Client::of_config(config)?.get(&path).await?;
    if arguments.json.json {
        return print_json(&lines);
    }
    Ok(print(&render(&lines, clock.now()))?)
}

fn render(lines: &[AuditLine], now: Timestamp) -> String {
    if lines.is_empty() {
        return "Nobody has changed anything yet.\n".to_owned();
    }
    let row = |line: &AuditLine| {
        let uid = line.uid.map_or_else(String::new, |uid| format!(" (uid {uid})"));
        vec![
            relative(line.at, now),
            format!("{}{uid}", line.by),
            line.what.clone(),
            line.subject.clone(),
            line.from.clone(),
            line.to.clone(),
        ]
    };
    let header = ["WHEN", "WHO", "WHAT", "OF", "FROM", "TO"];
    table(&header, &lines.iter().map(row).collect::<Vec<_>>())
}
