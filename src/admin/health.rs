//! Health and metrics over TCP. These pages need no login, because nothing can be changed through
//! them.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::Admin;

/// The content type of [`Metrics::render`](crate::metrics::Metrics::render). Prometheus refuses a
/// scrape with an unknown type.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Routes for health, readiness and metrics, and a front page that lists them.
pub(super) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(elsewhere)
        .with_state(admin)
}

/// The route for metrics only, for the second address.
pub(super) fn metrics_router(admin: Admin) -> Router {
    Router::new().route("/metrics", get(metrics)).fallback(elsewhere).with_state(admin)
}

async fn front() -> &'static str {
    "Postroom\n\n/healthz  200 while the process is alive\n/readyz   200 while Postroom accepts \
    mail\n/metrics  metrics for Prometheus\n\nNothing can be changed here. Commands for the \
    machine \
    itself: postroom status, postroom queue list, postroom --help\n"
}

async fn elsewhere() -> (StatusCode, &'static str) {
    (
        StatusCode::NOT_FOUND,
        "There is no such page. The commands use a Unix socket in data_dir; see: postroom --help\n",
    )
}

async fn alive() -> &'static str {
    "alive\n"
}

async fn ready(State(admin): State<Admin>) -> Response {
    let missing = admin.missing();
    if missing.is_empty() {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", missing.join("; ")))
        .into_response()
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], admin.0.metrics.render())
}
