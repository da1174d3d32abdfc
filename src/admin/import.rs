//! Takes in exported messages: `POST /api/v1/import`.

use axum::{
    Json,
    body::Body,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt as _;
use serde::Deserialize;

use super::{Admin, Refusal, SendAnswer};
use crate::{
    model::{Address, BodyKind, DeviceName, Envelope, MailParameters, Recipient, ReversePath, Via},
    queue::QueueError,
    spool::SpoolError,
};

/// The largest message that is taken in, in octets.
const LARGEST: usize = 200 * 1024 * 1024;

/// The query of `POST /api/v1/import`, whose body is the message.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(super) struct ImportRequest {
    /// The device that has submitted the message.
    pub(super) device: DeviceName,
    /// The envelope's sender. Absent for the null sender.
    pub(super) sender: Option<Address>,
    /// The recipients, with blanks between them.
    pub(super) recipients: String,
}

/// Why a message is not taken in.
pub(super) enum ImportError {
    /// The request is wrong.
    Request(String),
    /// The disk refused.
    Spool(SpoolError),
}

impl From<SpoolError> for ImportError {
    fn from(error: SpoolError) -> Self {
        Self::Spool(error)
    }
}

impl IntoResponse for ImportError {
    fn into_response(self) -> Response {
        match self {
            Self::Request(error) => {
                (StatusCode::BAD_REQUEST, Json(Refusal { error })).into_response()
            }
            Self::Spool(error) => QueueError::Spool(error).into_response(),
        }
    }
}

/// Puts a message into the spool as if its device had submitted it now. The accounts are those of
/// this machine's configuration.
pub(super) async fn import(
    State(admin): State<Admin>,
    Query(request): Query<ImportRequest>,
    body: Body,
) -> Result<Json<SendAnswer>, ImportError> {
    let spool = &admin.0.spool;
    let wrong = ImportError::Request;
    let addresses = request.recipients.split_whitespace().map(str::parse::<Address>);
    let addresses: Vec<Address> = addresses
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(format!("{}: {error}", request.recipients)))?;
    if addresses.is_empty() {
        return Err(wrong("the message has no recipient".to_owned()));
    }
    let envelope = Envelope {
        id: spool.new_id(),
        received: admin.0.clock.now(),
        device: request.device,
        via: Via { peer: None, helo: admin.0.hostname.clone(), esmtp: true, tls: None, user: None },
        sender: request.sender.map_or(ReversePath::Null, ReversePath::Mailbox),
        recipients: addresses.into_iter().map(Recipient::new).collect(),
        parameters: MailParameters { body: BodyKind::EightBitMime, ..MailParameters::default() },
    };
    let routes = spool.route(&envelope);
    let mut incoming = spool.receive(envelope, routes).await?;
    let (mut body, mut octets) = (body, 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| wrong(format!("the message broke off: {error}")))?;
        let Ok(chunk) = frame.into_data() else { continue };
        octets = octets.saturating_add(chunk.len());
        if octets > LARGEST {
            return Err(wrong("the message is larger than 200 MB".to_owned()));
        }
        incoming.write(&chunk).await?;
    }
    Ok(Json(SendAnswer { id: incoming.commit().await?.id() }))
}
