//! A request to the token endpoint and its answer, in Microsoft's form.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use postroom_core::model::Timestamp;

/// The fields of a request.
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    pub(crate) fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    pub(super) fn field(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// An answer of the endpoint.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(super) const fn good(body: Value) -> Self {
        Self { status: 200, body }
    }

    /// Makes a refusal in Microsoft's form, which repeats the number of the `AADSTS` code.
    pub(crate) fn refusal(status: u16, error: &str, description: &str, now: Timestamp) -> Self {
        let digits: String = description
            .strip_prefix("AADSTS")
            .unwrap_or_default()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let codes: Vec<u64> = digits.parse().into_iter().collect();
        let trace = "0f0e0d0c-0b0a-0908-0706-050403020100";
        let time = now.to_rfc3339();
        let description =
            format!("{description} Trace ID: {trace} Correlation ID: {trace} Timestamp: {time}");
        let uri = format!("https://login.microsoftonline.com/error?code={digits}");
        let body = json!({
            "error": error, "error_description": description, "error_codes": codes,
            "timestamp": time,
            "trace_id": trace, "correlation_id": trace, "error_uri": uri,
        });
        Self { status, body }
    }

    /// Makes a refusal from the text of a fault's row: `401 invalid_client AADSTS…`.
    pub(crate) fn of_template(template: &str, now: Timestamp) -> Self {
        let mut words = template.splitn(3, ' ');
        let status = words.next().and_then(|status| status.parse().ok()).unwrap_or(500);
        let error =
            words.next().filter(|error| error.contains('_')).unwrap_or("temporarily_unavailable");
        Self::refusal(status, error, words.next().unwrap_or_default(), now)
    }

    pub(crate) fn is_granted(&self) -> bool {
        self.body.get("access_token").is_some()
    }
}
