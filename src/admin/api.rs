//! The API on the Unix socket, `/api/v1/…`, with the same actions as the commands.
//!
//! The socket's permissions replace a login: whoever may open the socket may do everything.

use std::{
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper::body::{Bytes, Frame};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::{
    Admin, HoldRequest, Matching, Order, OrderError, QueueFilter, Queued, RedirectRequest, Refusal,
    RestoreRequest, SendAnswer, SendRequest, SetRequest, SettingStatus, Sightings, Status, history,
    import,
};
use crate::{
    device::DeviceSighting,
    model::{
        AccountName, BodyKind, DeviceName, Envelope, MailParameters, MessageId, Recipient,
        ReversePath, Timestamp, Via,
    },
    queue::{AccountStatus, Enabled, QueueError},
    spool::{Entry, JournalLine, MessageReader, SpoolError},
};

/// The largest number of messages or journal lines in one answer, about a megabyte.
const MOST_ROWS: usize = 1000;
/// The largest request in octets. It has room for a test message.
const LARGEST_REQUEST: usize = 256 * 1024;
/// The number of chunks of an exported message that wait for a slow reader.
const EXPORT_AHEAD: usize = 4;

/// All routes of the API.
pub(super) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/api/v1/status", get(status))
        .route("/api/v1/queue", get(list))
        .route("/api/v1/queue/{id}", get(show).delete(delete))
        .route("/api/v1/queue/{id}/message", get(export))
        .route("/api/v1/queue/{id}/retry", post(retry))
        .route("/api/v1/queue/{id}/hold", post(hold))
        .route("/api/v1/queue/{id}/release", post(release))
        .route("/api/v1/queue/{id}/redirect", post(redirect))
        .route("/api/v1/queue/matching", get(matching))
        .route("/api/v1/journal", get(journal))
        .route("/api/v1/history", get(history::find))
        .route("/api/v1/accounts", get(accounts))
        .route("/api/v1/accounts/{name}/enable", post(enable))
        .route("/api/v1/accounts/{name}/disable", post(disable))
        .route("/api/v1/accounts/{name}/settings", get(settings).post(set))
        .route("/api/v1/accounts/{name}/restore-defaults", post(restore_defaults))
        .route("/api/v1/accounts/{name}/forget-budget", post(forget_budget))
        .route("/api/v1/devices", get(devices))
        .route("/api/v1/devices/{name}", get(device))
        .route("/api/v1/clients/{address}", get(clients))
        .route("/api/v1/send", post(send))
        .route("/api/v1/import", post(import::import))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .with_state(admin)
}

impl IntoResponse for QueueError {
    fn into_response(self) -> Response {
        let code = match &self {
            Self::Spool(SpoolError::NotFound(_)) | Self::NoSuchAccount(_) => StatusCode::NOT_FOUND,
            Self::Busy(_) => StatusCode::CONFLICT,
            Self::Spool(SpoolError::Full) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Spool(_) | Self::TrustStore { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (code, Json(Refusal { error: self.to_string() })).into_response()
    }
}

type Answer<T> = Result<Json<T>, QueueError>;

async fn status(State(admin): State<Admin>) -> Json<Status> {
    Json(admin.status_of_today().await)
}

#[derive(Deserialize)]
struct Page {
    after: Option<MessageId>,
    before: Option<Timestamp>,
    limit: Option<usize>,
}

impl Page {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(MOST_ROWS).min(MOST_ROWS)
    }
}

async fn list(
    State(admin): State<Admin>,
    Query(page): Query<Page>,
    Query(filter): Query<QueueFilter>,
) -> Answer<Vec<Queued>> {
    let entries = select(&admin, filter, page.after, page.limit(), |entry| entry).await?;
    Ok(Json(foreseen(&admin, entries).await?))
}

/// The ids of all messages that a filter selects.
async fn matching(
    State(admin): State<Admin>,
    Query(filter): Query<QueueFilter>,
) -> Answer<Matching> {
    Ok(Json(Matching { ids: select(&admin, filter, None, usize::MAX, |entry| entry.id).await? }))
}

/// Walks over the queue, outside the async threads.
async fn select<T: Send + 'static>(
    admin: &Admin,
    filter: QueueFilter,
    after: Option<MessageId>,
    limit: usize,
    take: fn(Entry) -> T,
) -> Result<Vec<T>, SpoolError> {
    let (spool, now) = (admin.0.spool.clone(), admin.0.clock.now());
    let walk = move || filter.select(&spool, now, after, limit, take);
    let wanted = tokio::task::spawn_blocking(walk).await;
    wanted.map_err(|panic| SpoolError::Index(format!("the search failed: {panic}")))?
}

async fn foreseen(admin: &Admin, entries: Vec<Entry>) -> Result<Vec<Queued>, SpoolError> {
    let forecasts = admin.0.queue.forecasts(&entries)?;
    let mut queued = Vec::with_capacity(entries.len());
    for (entry, forecast) in entries.into_iter().zip(forecasts) {
        let subject = admin.0.queue.subject(entry.id).await;
        let entry = entry.shown(|steady| admin.0.clock.time_of_day(steady));
        queued.push(Queued { entry, forecast, subject });
    }
    Ok(queued)
}

async fn journal(State(admin): State<Admin>, Query(page): Query<Page>) -> Answer<Vec<JournalLine>> {
    Ok(Json(admin.0.spool.journal(page.before, page.limit())?))
}

async fn show(State(admin): State<Admin>, Path(id): Path<MessageId>) -> Answer<Queued> {
    let entry = admin.0.spool.entry(id)?.ok_or(SpoolError::NotFound(id))?;
    let seen = foreseen(&admin, vec![entry]).await?.pop();
    Ok(Json(seen.ok_or(SpoolError::NotFound(id))?))
}

async fn retry(State(admin): State<Admin>, Path(id): Path<MessageId>) -> Answer<()> {
    Ok(Json(admin.0.queue.retry(id).await?))
}

async fn hold(
    State(admin): State<Admin>,
    Path(id): Path<MessageId>,
    Json(request): Json<HoldRequest>,
) -> Answer<()> {
    Ok(Json(admin.0.queue.hold(id, request.reason).await?))
}

async fn release(State(admin): State<Admin>, Path(id): Path<MessageId>) -> Answer<()> {
    Ok(Json(admin.0.queue.release(id).await?))
}

async fn redirect(
    State(admin): State<Admin>,
    Path(id): Path<MessageId>,
    Json(request): Json<RedirectRequest>,
) -> Answer<()> {
    Ok(Json(admin.0.queue.redirect(id, &request.account).await?))
}

async fn delete(State(admin): State<Admin>, Path(id): Path<MessageId>) -> Answer<()> {
    Ok(Json(admin.0.queue.delete(id).await?))
}

async fn accounts(State(admin): State<Admin>) -> Json<Vec<AccountStatus>> {
    Json(admin.0.queue.accounts())
}

async fn enable(State(admin): State<Admin>, Path(name): Path<String>) -> Answer<()> {
    Ok(Json(admin.0.queue.set_enabled(&AccountName::from(name), Enabled::On).await?))
}

async fn disable(State(admin): State<Admin>, Path(name): Path<String>) -> Answer<()> {
    Ok(Json(admin.0.queue.set_enabled(&AccountName::from(name), Enabled::Off).await?))
}

type Settings = Result<Json<Vec<SettingStatus>>, OrderError>;

async fn settings(State(admin): State<Admin>, Path(name): Path<String>) -> Settings {
    ordered(&admin, Order::Settings(name.into()), "").await
}

async fn set(
    State(admin): State<Admin>,
    Path(name): Path<String>,
    Json(request): Json<SetRequest>,
) -> Settings {
    let values = request.set.into_iter().collect();
    ordered(&admin, Order::Set(name.into(), values), &request.by).await
}

async fn restore_defaults(
    State(admin): State<Admin>,
    Path(name): Path<String>,
    Json(request): Json<RestoreRequest>,
) -> Settings {
    ordered(&admin, Order::RestoreDefaults(name.into()), &request.by).await
}

async fn ordered(admin: &Admin, order: Order, by: &str) -> Settings {
    Ok(Json(admin.0.control.order(order, by).await?))
}

async fn forget_budget(
    State(admin): State<Admin>,
    Path(name): Path<String>,
    Json(request): Json<RestoreRequest>,
) -> Answer<()> {
    Ok(Json(admin.0.queue.forget_budget(&AccountName::from(name), &request.by).await?))
}

async fn devices(State(admin): State<Admin>) -> Json<Sightings> {
    Json(Sightings::of(&admin.0.devices).summary())
}

/// One device with its dialogues, or null if it was never seen.
async fn device(
    State(admin): State<Admin>,
    Path(name): Path<String>,
) -> Json<Option<DeviceSighting>> {
    Json(admin.0.devices.sightings().into_iter().find(|sighting| sighting.device.as_str() == name))
}

/// One address with its dialogues.
async fn clients(State(admin): State<Admin>, Path(address): Path<IpAddr>) -> Json<Sightings> {
    Json(Sightings::of(&admin.0.devices).only(address))
}

/// Puts a message of our own into the spool, as if a device had submitted it.
async fn send(State(admin): State<Admin>, Json(request): Json<SendRequest>) -> Answer<SendAnswer> {
    let spool = &admin.0.spool;
    let envelope = Envelope {
        id: spool.new_id(),
        received: admin.0.clock.now(),
        device: DeviceName::from("postroom"),
        via: Via { peer: None, helo: admin.0.hostname.clone(), esmtp: true, tls: None, user: None },
        sender: ReversePath::Mailbox(request.sender),
        recipients: request.recipients.into_iter().map(Recipient::new).collect(),
        parameters: MailParameters {
            body: BodyKind::EightBitMime,
            smtputf8: false,
            ret: None,
            envid: None,
        },
    };
    let mut incoming = spool.receive(envelope, request.account).await?;
    incoming.write(request.text.as_bytes()).await?;
    let committed = incoming.commit().await?;
    Ok(Json(SendAnswer { id: committed.id() }))
}

/// The message as it was accepted, in chunks, because it may be too large to hold in memory.
async fn export(
    State(admin): State<Admin>,
    Path(id): Path<MessageId>,
) -> Result<Response, QueueError> {
    let reader = admin.0.spool.body(id).await?;
    let (chunks, body) = mpsc::channel(EXPORT_AHEAD);
    tokio::spawn(read_out(reader, chunks));
    Ok(([(header::CONTENT_TYPE, "message/rfc822")], Body::new(Export(body))).into_response())
}

/// Reads a message into a channel. Ends at the end of the message, or when the reader is gone.
async fn read_out(mut reader: MessageReader, chunks: mpsc::Sender<Result<Bytes, SpoolError>>) {
    loop {
        let mut buffer = Vec::new();
        let chunk = match reader.read(&mut buffer).await {
            Ok(()) if buffer.is_empty() => return,
            Ok(()) => Ok(Bytes::from(buffer)),
            Err(error) => Err(error),
        };
        if chunk.is_err() | chunks.send(chunk).await.is_err() {
            return;
        }
    }
}

/// A response body whose chunks come from a channel.
struct Export(mpsc::Receiver<Result<Bytes, SpoolError>>);

impl hyper::body::Body for Export {
    type Data = Bytes;
    type Error = SpoolError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SpoolError>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}
