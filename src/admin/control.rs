//! What people change while the daemon runs: orders, which the daemon carries out one after the
//! other.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::{LearnRequest, Learning, Refusal};
use crate::{
    model::{AccountName, Timestamp},
    spool::SpoolError,
};

/// The number of orders that wait for the daemon. People give them; the next one waits.
const MOST_ORDERS: usize = 16;

/// One setting that can be changed while the daemon runs: `postroom account settings`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SettingStatus {
    /// Its name in the config, relative to the account.
    pub key: String,
    /// The value in the file, or the default.
    pub file: String,
    /// The value in force.
    pub value: String,
    /// Who set it and when; `None` when the value is the file's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<SettingChange>,
}

/// When a setting was changed at run time, and by whom.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SettingChange {
    /// The time of the change.
    pub at: Timestamp,
    /// The name of the person, as given by that person.
    pub by: String,
}

/// Why an order is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// There is no such account.
    #[error("there is no account \"{0}\" in the config")]
    NoSuchAccount(AccountName),
    /// Something is wrong with what was ordered; the text says what to write instead.
    #[error("{0}")]
    Invalid(String),
    /// The disk refused to keep the change.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The daemon no longer takes orders.
    #[error("the daemon is stopping; try again when it has started")]
    Stopping,
}

impl IntoResponse for OrderError {
    fn into_response(self) -> Response {
        let code = match &self {
            Self::NoSuchAccount(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Spool(SpoolError::Full) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Spool(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        (code, Json(Refusal { error: self.to_string() })).into_response()
    }
}

/// What a reload has done: `POST /api/v1/reload`.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Reloaded {
    /// The parts that are set otherwise than before.
    pub changed: Vec<String>,
    /// The keys that have changed and apply after a restart only.
    pub needs_restart: Vec<String>,
    /// What is valid but unwise, as `postroom check` says it.
    pub warnings: Vec<String>,
}

/// Where the answer to an order goes.
pub type Answer<T> = oneshot::Sender<Result<T, OrderError>>;

/// An order of a person.
pub enum Order {
    /// To show the settings of an account that can be changed.
    Settings(AccountName, Answer<Vec<SettingStatus>>),
    /// To change some of them: keys and values as in the config. Also the name of the person, as
    /// given by that person.
    Set(AccountName, Vec<(String, String)>, String, Answer<Vec<SettingStatus>>),
    /// To go back to the values in the file.
    RestoreDefaults(AccountName, String, Answer<Vec<SettingStatus>>),
    /// To read the whole config again.
    Reload(String, Answer<Reloaded>),
    /// To let the unknown devices of a network send for a while.
    Learn(LearnRequest, String, Answer<Learning>),
    /// To end that at once. The answer is what has ended.
    EndLearning(String, Answer<Option<Learning>>),
}

/// Takes orders to the daemon. Cheap to clone.
#[derive(Clone)]
pub struct Control(mpsc::Sender<Order>);

impl Control {
    /// A control, and where its orders arrive.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Order>) {
        let (orders, arriving) = mpsc::channel(MOST_ORDERS);
        (Self(orders), arriving)
    }

    /// Gives an order and waits until it is carried out.
    ///
    /// # Errors
    /// When the daemon refuses, or is stopping.
    pub async fn order<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Result<T, OrderError> {
        let (answer, answered) = oneshot::channel();
        if self.0.send(order(answer)).await.is_err() {
            return Err(OrderError::Stopping);
        }
        answered.await.unwrap_or(Err(OrderError::Stopping))
    }
}
