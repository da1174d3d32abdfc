//! Describes in words when a message will be sent and what it waits for.

use super::output::{plural, relative};
use crate::{
    model::Timestamp,
    queue::{Forecast, Why},
};

/// The forecast without its reason, for a table.
pub(super) fn in_short(forecast: &Forecast, now: Timestamp) -> String {
    let when = forecast.at.map(|at| about(at, now));
    match (&forecast.why, when) {
        (Why::Nothing, None) | (Why::Held, _) => "-".to_owned(),
        (Why::UnderWay, _) => "now".to_owned(),
        (Why::Stopped { .. }, _) => "account stopped".to_owned(),
        (Why::Disabled, _) => "account disabled".to_owned(),
        (_, None) => "unknown".to_owned(),
        (Why::FarBehind, Some(when)) => format!("later than {when}"),
        (
            Why::Nothing
            | Why::Plan
            | Why::Turn
            | Why::Minute { .. }
            | Why::Day { .. }
            | Why::Batch { .. }
            | Why::Paused { .. }
            | Why::Domain { .. },
            Some(when),
        ) => when,
    }
}

/// The forecast with its reason.
pub(super) fn in_full(forecast: &Forecast, now: Timestamp) -> String {
    let when = in_short(forecast, now);
    let before = format!(
        "{} before it",
        plural(u64::try_from(forecast.before).unwrap_or(u64::MAX), "message")
    );
    match &forecast.why {
        Why::Nothing | Why::UnderWay => when,
        Why::Held => "when it is released: postroom queue release".to_owned(),
        Why::Plan => format!("{when}: the retry schedule determines the next attempt"),
        Why::Turn => format!("{when}: {before}"),
        Why::Minute { limit } => format!("{when}: {limit} a minute, {before}"),
        Why::Day { free_at } => {
            let free = free_at.map_or_else(
                || "which becomes available gradually".to_owned(),
                |at| format!("available again {}", relative(at, now)),
            );
            format!("{when}: the account has used its recipients of the day, {free}; {before}")
        }
        Why::Batch { messages } => format!(
            "{when}: the account pauses after {}, {before}",
            plural(u64::from(*messages), "message")
        ),
        Why::Paused { until, because } => format!(
            "{when}: the account is paused and resumes {}: {because}",
            relative(*until, now)
        ),
        Why::Domain { domain, because } => format!("{when}: mail for {domain} waits: {because}"),
        Why::Stopped { because } => format!("when the account works again: {because}"),
        Why::Disabled => "when the account is enabled: postroom account enable".to_owned(),
        Why::FarBehind => format!("{when}: more than {before}"),
    }
}

fn about(at: Timestamp, now: Timestamp) -> String {
    if at <= now { "now".to_owned() } else { relative(at, now) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(secs: Option<u64>, before: usize, why: Why, short: &str, full: &str) {
        let now = Timestamp::from_millis(1_763_900_000_000);
        let at = secs.map(|secs| now.plus(Duration::from_secs(secs)));
        let forecast = Forecast { at, before, why };
        assert_eq!(
            (in_short(&forecast, now).as_str(), in_full(&forecast, now).as_str()),
            (short, full)
        );
    }

    #[test]
    fn a_forecast_says_when_and_why() {
        check(Some(0), 0, Why::Nothing, "now", "now");
        check(
            Some(840),
            412,
            Why::Minute { limit: 30 },
            "in 14m",
            "in 14m: 30 a minute, 412 messages before it",
        );
        check(
            Some(1800),
            1,
            Why::Plan,
            "in 30m",
            "in 30m: the retry schedule determines the next attempt",
        );
        check(
            Some(60),
            1,
            Why::Batch { messages: 5 },
            "in 1m",
            "in 1m: the account pauses after 5 messages, 1 message before it",
        );
        let domain = Why::Domain { domain: "contoso.de".into(), because: "no answer".into() };
        check(Some(60), 0, domain, "in 1m", "in 1m: mail for contoso.de waits: no answer");
        check(
            None,
            0,
            Why::Stopped { because: "535 5.7.3 no".into() },
            "account stopped",
            "when the account works again: 535 5.7.3 no",
        );
        check(None, 0, Why::Held, "-", "when it is released: postroom queue release");
        check(
            Some(60),
            10_000,
            Why::FarBehind,
            "later than in 1m",
            "later than in 1m: more than 10000 messages before it",
        );
    }
}
