//! The endpoints: `POST /v1.0/users/{address}/sendMail` sends a message, and `GET …/messages` finds
//! one that was sent.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Effect, Stage,
    connection::Shared,
    dialect::{Role, session_id},
    fault::{Fault, Occasion},
    graph::{
        answer::{Ids, Refusal, respond},
        send::{Mime, send},
    },
    stop::Stop,
};
use postroom_core::model::{Address, Secret};

/// Microsoft: "The maximum request length supported is 4MB."
const REQUEST_LIMIT: usize = 4 * 1024 * 1024;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1.0/users/{mailbox}/sendMail", post(send_mail))
        .route("/v1.0/users/{mailbox}/messages", get(messages))
        .layer(DefaultBodyLimit::max(2 * REQUEST_LIMIT))
        .with_state(shared)
}

/// One request in progress. Dropping it counts its end.
struct Request {
    shared: Arc<Shared>,
    mailbox: Address,
    ids: Ids,
}

impl Drop for Request {
    fn drop(&mut self) {
        self.shared.tenant().graph_ends();
    }
}

impl Request {
    /// Checks what every endpoint checks.
    fn begin(
        shared: Arc<Shared>,
        mailbox: &str,
        headers: &HeaderMap,
    ) -> Result<Self, Box<Response>> {
        let now = shared.clock.now();
        let number = shared.sessions.fetch_add(1, Ordering::Relaxed);
        let field = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
        let request = session_id(now, number);
        let client = field("client-request-id").unwrap_or_else(|| request.clone());
        let ids = Ids { request, client };
        let refuse = |status, code, message, ids: &Ids| {
            Err(Box::new(Refusal::new(status, code, message).respond(ids, now)))
        };
        let Ok(mailbox) = mailbox.parse::<Address>() else {
            return refuse(404, "ErrorInvalidUser", "The requested user is invalid.", &ids);
        };
        let extra = shared.tenant().graph_begins(&mailbox, now);
        let request = Self { shared, mailbox, ids };
        if extra {
            let text = "Application is over its MailboxConcurrency limit.";
            return refuse(429, "ApplicationThrottled", text, &request.ids);
        }
        let token = field(header::AUTHORIZATION.as_str());
        let token = token.as_deref().and_then(|value| value.strip_prefix("Bearer "));
        let mut tenant = request.shared.tenant();
        if !tenant.graph_knows(&request.mailbox) {
            return refuse(404, "ErrorInvalidUser", "The requested user is invalid.", &request.ids);
        }
        let token = Secret::new(token.unwrap_or_default().to_owned());
        if !tenant.graph_admits(&token, &request.mailbox, now) {
            let text = "Access token validation failure. Invalid audience.";
            return refuse(401, "InvalidAuthenticationToken", text, &request.ids);
        }
        drop(tenant);
        Ok(request)
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        refusal.respond(&self.ids, self.shared.clock.now())
    }

    fn strike(&self, mime: &Mime) -> Option<Fault> {
        let mut addresses: Vec<&Address> = mime.recipients.iter().collect();
        addresses.push(&self.mailbox);
        let (role, stage) = (Role::Submission, Stage::Graph);
        let message = mime.message_id.as_str();
        self.shared.tenant().strike(&Occasion { role, stage, addresses: &addresses, message })
    }

    fn send(&self, mime: &Mime) -> Result<(), Refusal> {
        send(&self.shared, &self.mailbox, mime, &self.ids.request, self.shared.clock.now())
    }

    async fn silence(&self) -> Response {
        let mut stop = self.shared.stop.clone();
        // A closed channel also means stop.
        let _gone = stop.wait_for(|stop| *stop == Stop::Now).await;
        respond(503, None, &self.ids)
    }
}

async fn send_mail(
    State(shared): State<Arc<Shared>>,
    Path(mailbox): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = match Request::begin(shared, &mailbox, &headers) {
        Ok(request) => request,
        Err(refusal) => return *refusal,
    };
    let mime = match mime(&headers, &body, &request) {
        Ok(mime) => mime,
        Err(refusal) => return request.refuse(&refusal),
    };
    let Some(fault) = request.strike(&mime) else {
        return match request.send(&mime) {
            // Microsoft, "user: sendMail": 202 Accepted, without a body.
            Ok(()) => respond(202, None, &request.ids),
            Err(refusal) => request.refuse(&refusal),
        };
    };
    play(&fault.effect, &request, &mime).await
}

/// The message of a request: base64 of its MIME form.
fn mime(headers: &HeaderMap, body: &[u8], request: &Request) -> Result<Mime, Refusal> {
    if body.len() > REQUEST_LIMIT {
        let text = "The maximum request length supported is 4MB.";
        return Err(Refusal::new(413, "BadRequest", text));
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("text/plain")) {
        let text = "Unable to read JSON request payload.";
        return Err(Refusal::new(400, "BadRequest", text));
    }
    match BASE64_STANDARD.decode(body) {
        Ok(text) => Ok(Mime::read(text, &format!("<{}@sandbox>", request.ids.request))),
        Err(_not_base64) => Err(Refusal::new(
            400,
            "ErrorMimeContentInvalidBase64String",
            "Invalid base64 string for MIME content.",
        )),
    }
}

async fn play(effect: &Effect, request: &Request, mime: &Mime) -> Response {
    let timed_out =
        Refusal::new(504, "UnknownError", "The request has timed out before it was completed.");
    let gone_but_sent = |sent: Result<(), Refusal>| {
        if sent.is_ok() {
            request.shared.tenant().left_unanswered();
        }
        sent
    };
    match effect {
        Effect::Reply(template) => request.refuse(&Refusal::of_template(template)),
        Effect::Drop | Effect::Reset => match gone_but_sent(request.send(mime)) {
            Ok(()) => request.refuse(&timed_out),
            Err(refusal) => request.refuse(&refusal),
        },
        Effect::DropLost => request.refuse(&timed_out),
        Effect::Silence => match gone_but_sent(request.send(mime)) {
            Ok(()) => request.silence().await,
            Err(refusal) => request.refuse(&refusal),
        },
        Effect::SilenceLost => request.silence().await,
        Effect::Garbage => respond(200, None, &request.ids),
        Effect::Slow
        | Effect::DropAfter354
        | Effect::SlowDot
        | Effect::HideStartTls
        | Effect::HideAuth
        | Effect::WrongName
        | Effect::UntrustedIssuer
        | Effect::Expired => respond(500, None, &request.ids),
    }
}

#[derive(Deserialize)]
struct Search {
    #[serde(rename = "$filter", default)]
    filter: String,
}

/// Finds sent messages by their `Message-ID`.
async fn messages(
    State(shared): State<Arc<Shared>>,
    Path(mailbox): Path<String>,
    Query(search): Query<Search>,
    headers: HeaderMap,
) -> Response {
    let request = match Request::begin(shared, &mailbox, &headers) {
        Ok(request) => request,
        Err(refusal) => return *refusal,
    };
    let wanted = search
        .filter
        .strip_prefix("internetMessageId eq '")
        .and_then(|rest| rest.strip_suffix('\''))
        .map(|id| id.replace("''", "'"));
    let Some(wanted) = wanted else {
        return request.refuse(&Refusal::new(400, "ErrorInvalidUrlQueryFilter", "Invalid filter."));
    };
    let found = request.shared.keeper().messages().into_iter().filter(|message| {
        message.user() == Some(request.mailbox.as_str()) && message.message_id() == wanted
    });
    let value: Vec<_> = found
        .map(|message| {
            let named = |address: &str| json!({"emailAddress": {"address": address}});
            let all: Vec<_> = message.recipients().map(named).collect();
            let id = format!("AAMk{}", message.number);
            json!({"id": id, "isDraft": false, "toRecipients": all, "ccRecipients": [],
                "bccRecipients": []})
        })
        .collect();
    respond(200, Some(&json!({"value": value})), &request.ids).into_response()
}
