//! Converts OpenMetrics, which prometheus-client writes, into Prometheus' text format 0.0.4.
//!
//! Every scraper reads this format, and `promtool check metrics` reads no other. In this format,
//! the name after `# HELP` and `# TYPE` is that of the samples, including `_total`. There are no
//! lines for units and for the end.

/// Rewrites the lines about counters and removes the lines that the older format does not have.
pub(super) fn from_open_metrics(text: &str) -> String {
    let mut lines = Vec::new();
    // HELP precedes TYPE, but only TYPE tells whether the metric is a counter.
    let mut help = None;
    for line in text.lines() {
        if let Some(about) = line.strip_prefix("# HELP ") {
            help = about.split_once(' ');
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let suffix = if kind == "counter" { "_total" } else { "" };
            lines.extend(help.take().map(|(_, about)| format!("# HELP {name}{suffix} {about}")));
            lines.push(format!("# TYPE {name}{suffix} {kind}"));
        } else if !line.starts_with('#') {
            lines.push(line.to_owned());
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_carry_the_name_of_their_samples_and_the_rest_stays() {
        let open = "# HELP postroom_messages_accepted Messages accepted with 250.\n# TYPE \
            postroom_messages_accepted counter\npostroom_messages_accepted_total 3\n# HELP \
            postroom_wait_seconds Waits.\n# TYPE postroom_wait_seconds histogram\n# UNIT \
            postroom_wait_seconds seconds\npostroom_wait_seconds_sum 0.5\n# EOF\n";
        let converted = "# HELP postroom_messages_accepted_total Messages accepted with \
            250.\n# TYPE postroom_messages_accepted_total counter\n\
            postroom_messages_accepted_total 3\n# HELP postroom_wait_seconds Waits.\n# TYPE \
            postroom_wait_seconds histogram\npostroom_wait_seconds_sum 0.5\n";
        assert_eq!(from_open_metrics(open), converted);
    }
}
