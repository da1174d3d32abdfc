//! The sockets of the token endpoint: `/{directory}/oauth2/v2.0/token` and `/devicecode`.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};

use crate::{
    Effect,
    connection::Shared,
    stop::Stop,
    token::{Answer, Form},
};

/// The value of `Retry-After` in seconds.
const RETRY_AFTER: &str = "5";

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/{directory}/oauth2/v2.0/token", post(token))
        .route("/{directory}/oauth2/v2.0/devicecode", post(device_code))
        .with_state(shared)
}

async fn token(
    State(shared): State<Arc<Shared>>,
    Path(directory): Path<String>,
    body: Bytes,
) -> Response {
    if let Some(response) = fault(&shared).await {
        return response;
    }
    let now = shared.clock.now();
    let answer = shared.tenant().token(&directory, &Form::parse(&body), now, rand::random());
    respond(&answer)
}

async fn device_code(
    State(shared): State<Arc<Shared>>,
    Path(directory): Path<String>,
    body: Bytes,
) -> Response {
    if let Some(response) = fault(&shared).await {
        return response;
    }
    let now = shared.clock.now();
    let answer = shared.tenant().device_code(&directory, &Form::parse(&body), now, rand::random());
    respond(&answer)
}

async fn fault(shared: &Shared) -> Option<Response> {
    let fault = shared.tenant().strike_token()?;
    match fault.effect {
        Effect::Reply(template) => {
            Some(respond(&Answer::of_template(&template, shared.clock.now())))
        }
        Effect::Garbage => Some((StatusCode::OK, "<html>not the directory</html>").into_response()),
        Effect::Silence => {
            let mut stop = shared.stop.clone();
            // A closed channel also means stop.
            let _gone = stop.wait_for(|stop| *stop == Stop::Now).await;
            Some(StatusCode::SERVICE_UNAVAILABLE.into_response())
        }
        Effect::Drop
        | Effect::Reset
        | Effect::Slow
        | Effect::SilenceLost
        | Effect::DropLost
        | Effect::DropAfter354
        | Effect::SlowDot
        | Effect::HideStartTls
        | Effect::HideAuth
        | Effect::WrongName
        | Effect::UntrustedIssuer
        | Effect::Expired => None,
    }
}

fn respond(answer: &Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (
        status,
        [(header::CONTENT_TYPE, "application/json; charset=utf-8")],
        answer.body.to_string(),
    )
        .into_response();
    if matches!(answer.status, 429 | 503) {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, header::HeaderValue::from_static(RETRY_AFTER));
    }
    response
}
