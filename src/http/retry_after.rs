//! `Retry-After` (RFC 9110 10.2.3).

use std::time::Duration;

use hyper::{HeaderMap, header};

use crate::model::Timestamp;

/// How long a server asks a client to wait. The header has a number of seconds or a date. A date is
/// compared with the server's own `Date`, so that our clock does not matter.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wanted = text(header::RETRY_AFTER)?;
    if let Ok(seconds) = wanted.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let (then, now) =
        (Timestamp::from_http_date(wanted)?, Timestamp::from_http_date(text(header::DATE)?)?);
    Some(then.since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_asked_for_in_seconds_or_until_a_date() {
        let check = |fields: &[(&str, &str)], seconds: Option<u64>| {
            let field = |(name, value): &(&str, &str)| {
                (name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap())
            };
            let headers: HeaderMap = fields.iter().map(field).collect();
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{fields:?}");
        };
        let date = ("date", "Wed, 25 Nov 2026 06:59:00 GMT");
        check(&[("retry-after", "120")], Some(120));
        check(&[("retry-after", "Wed, 25 Nov 2026 07:01:30 GMT"), date], Some(150));
        check(&[("retry-after", "Wed, 25 Nov 2026 06:00:00 GMT"), date], Some(0));
        check(&[("retry-after", "Wed, 25 Nov 2026 07:01:30 GMT")], None);
        check(&[("retry-after", "soon"), date], None);
        check(&[date], None);
    }
}
