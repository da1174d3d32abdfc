//! The control API, for tests and for curious users: what the sandbox saw, the messages, the faults
//! and switches in force.
//!
//! `GET /state`, `GET /messages?after=N`, `GET /faults`, `POST /faults`, `POST /tokens`, `POST
//! /reset`. Loopback only: it has no login.
//!
//! # Failure
//! A request that cannot be understood is answered with 400 and the reason. It changes nothing.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    routing::{get, post},
};
use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Limits, Switches, connection::Shared, fault::Switched, keep::KeptMessage, switches::overlaid,
    tenant::SandboxState,
};
use postroom_core::model::Secret;

/// The settings in force, which `POST /faults` changes. A field that is absent stays unchanged.
#[derive(Serialize)]
struct InForce {
    faults: Vec<Switched>,
    switches: Switches,
    limits: Limits,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    faults: Option<Vec<Wanted>>,
    #[serde(default)]
    switches: Map<String, Value>,
    #[serde(default)]
    limits: Map<String, Value>,
}

/// A fault, given by its name alone or with conditions.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wanted {
    Name(String),
    Switched(Switched),
}

/// A token that another authorization server issued, in that server's field names (RFC 6749 5.1).
#[derive(Deserialize)]
struct ForeignToken {
    access_token: String,
    expires_in: u64,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    after: u64,
}

type Refusal = (StatusCode, String);

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/state", get(state))
        .route("/messages", get(messages))
        .route("/faults", get(faults).post(change))
        .route("/tokens", post(admit))
        .route("/reset", post(reset))
        .with_state(shared)
}

async fn state(State(shared): State<Arc<Shared>>) -> Json<SandboxState> {
    Json(shared.tenant().state())
}

async fn messages(
    State(shared): State<Arc<Shared>>,
    Query(page): Query<Page>,
) -> Json<Vec<KeptMessage>> {
    let mut messages = shared.keeper().messages();
    messages.retain(|message| message.number > page.after);
    Json(messages)
}

async fn faults(State(shared): State<Arc<Shared>>) -> Json<InForce> {
    Json(in_force(&shared))
}

/// The body is read as JSON whatever its `Content-Type`: `curl -d` labels it a form.
async fn change(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Json<InForce>, Refusal> {
    let bad = |reason: String| (StatusCode::BAD_REQUEST, reason);
    let change: Change = serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?;
    {
        let mut tenant = shared.tenant();
        let switches = overlaid(tenant.switches(), change.switches).map_err(bad)?;
        let limits = overlaid(*tenant.limits(), change.limits).map_err(bad)?;
        if let Some(wanted) = change.faults {
            tenant
                .switch_faults(wanted.into_iter().map(Wanted::switched).collect())
                .map_err(bad)?;
        }
        tenant.rule(switches, limits);
    }
    Ok(Json(in_force(&shared)))
}

async fn admit(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<(), Refusal> {
    let foreign: ForeignToken = serde_json::from_slice(&body)
        .map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    let ends = shared.clock.now().plus(Duration::from_secs(foreign.expires_in));
    shared.tenant().admit_token(Secret::new(foreign.access_token), ends);
    Ok(())
}

async fn reset(State(shared): State<Arc<Shared>>) -> Result<Json<SandboxState>, Refusal> {
    shared
        .keeper()
        .clear()
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let mut tenant = shared.tenant();
    tenant.reset();
    Ok(Json(tenant.state()))
}

fn in_force(shared: &Shared) -> InForce {
    let tenant = shared.tenant();
    InForce {
        faults: tenant.switched_faults(),
        switches: tenant.switches(),
        limits: *tenant.limits(),
    }
}

impl Wanted {
    fn switched(self) -> Switched {
        match self {
            Self::Name(fault) => Switched { fault, times: None, every: None, listener: None },
            Self::Switched(switched) => switched,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let current = Switches { blocked: true, ..Switches::default() };
        let changes = serde_json::from_str(r#"{"basic": "retired"}"#).unwrap();
        let changed = overlaid(current, changes).unwrap();
        assert_eq!(changed, Switches { basic: crate::Basic::Retired, ..current });
    }

    #[test]
    fn a_change_of_something_unknown_is_refused_by_name() {
        let changes = serde_json::from_str(r#"{"basics": "retired"}"#).unwrap();
        assert!(overlaid(Switches::default(), changes).unwrap_err().contains("basics"));
    }
}
