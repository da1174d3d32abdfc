//! The TCP side: health and metrics. Nothing can be changed here, so nobody has to log in.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::Admin;

/// The format of [`Metrics::render`](crate::metrics::Metrics::render); Prometheus refuses a scrape
/// whose type it does not know.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Health, readiness, metrics, and a page that says where the rest is.
pub(super) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(elsewhere)
        .with_state(admin)
}

/// Metrics alone, for the second address.
pub(super) fn metrics_router(admin: Admin) -> Router {
    Router::new().route("/metrics", get(metrics)).fallback(elsewhere).with_state(admin)
}

async fn front() -> &'static str {
    "Postroom\n\n/healthz  the process is alive\n/readyz   mail is taken\n/metrics  for \
    Prometheus\n\nNothing can be changed here. On the machine itself: postroom status, postroom \
    queue list, postroom --help\n"
}

async fn elsewhere() -> (StatusCode, &'static str) {
    (
        StatusCode::NOT_FOUND,
        "There is no such page. The commands use the Unix socket in data_dir: postroom --help\n",
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
