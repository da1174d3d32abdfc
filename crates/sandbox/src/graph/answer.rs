//! An answer of Graph, in Microsoft's form.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use postroom_core::model::Timestamp;

/// `Retry-After` of 429 and 503, in seconds.
const RETRY_AFTER: &str = "3";

/// An error with its status, code and message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// Makes a refusal from the text of a fault's row: `403 ErrorAccessDenied Access is denied.`
    pub(super) fn of_template(template: &str) -> Self {
        let mut words = template.splitn(3, ' ');
        let status = words.next().and_then(|status| status.parse().ok()).unwrap_or(500);
        let code = words.next().unwrap_or("UnknownError");
        Self::new(status, code, words.next().unwrap_or_default())
    }

    /// The body that Microsoft documents in "Microsoft Graph error responses".
    pub(super) fn respond(&self, ids: &Ids, now: Timestamp) -> Response {
        let body = json!({"error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": now.to_rfc3339().trim_end_matches('Z'),
                "request-id": ids.request,
                "client-request-id": ids.client,
            },
        }});
        let mut response = respond(self.status, Some(&body), ids);
        if matches!(self.status, 429 | 503) {
            let seconds = HeaderValue::from_static(RETRY_AFTER);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// The ids of a request.
pub(super) struct Ids {
    pub(super) request: String,
    pub(super) client: String,
}

/// An answer with these ids; without a body, none is sent.
pub(super) fn respond(status: u16, body: Option<&Value>, ids: &Ids) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match body {
        Some(body) => {
            (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
        }
        None => status.into_response(),
    };
    for (name, id) in [("request-id", &ids.request), ("client-request-id", &ids.client)] {
        if let Ok(value) = HeaderValue::from_str(id) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
