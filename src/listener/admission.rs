//! What becomes of a connection that a listener has accepted: it gets a place and is served, or it
//! is turned away.

use std::net::SocketAddr;

use tokio::{net::TcpStream, sync::watch};

use crate::{
    device::Client,
    listener::{
        ListenerContext, ListenerSettings, ListenerTls, Protocol, connection::Connection,
        context::ConnectionContext, pop_before_smtp::serve_pop, slots::Slot,
    },
    model::Reply,
};

/// Takes a place for a new connection and returns the task that serves it, or turns it away.
pub(super) fn admit(
    context: &ListenerContext,
    stream: TcpStream,
    peer: SocketAddr,
    settings: ListenerSettings,
    stop: watch::Receiver<bool>,
) -> Option<impl Future<Output = ()> + Send + use<>> {
    let context = context.for_connection();
    let client = context.devices().identify(peer.ip());
    match context.take_slot(&client) {
        Ok(slot) => {
            context.metrics().connections_accepted.inc();
            Some(serve(context, client, slot, stream, settings, stop))
        }
        Err(reply) => {
            context.metrics().connections_refused.inc();
            client.note_turned_away(&reply);
            turn_away(&stream, &reply, settings);
            None
        }
    }
}

async fn serve(
    context: ConnectionContext,
    client: Client,
    slot: Slot,
    stream: TcpStream,
    settings: ListenerSettings,
    stop: watch::Receiver<bool>,
) {
    match settings.protocol {
        Protocol::Smtp => {
            let opened = Connection::open(context, client, slot, settings.tls, stream, stop).await;
            if let Some(connection) = opened {
                connection.serve().await;
            }
        }
        Protocol::Pop3 => serve_pop(&context, &client, slot, settings.tls, stream, stop).await,
    }
}

/// Tells the client why, if that is possible in plaintext and without waiting. The connection is
/// closed when the stream is dropped.
fn turn_away(stream: &TcpStream, reply: &Reply, settings: ListenerSettings) {
    let words = match (settings.tls, settings.protocol) {
        (ListenerTls::Implicit, _) => return,
        (ListenerTls::None | ListenerTls::Starttls | ListenerTls::Auto, Protocol::Smtp) => {
            format!("{reply}\r\n")
        }
        // RFC 3206 4: the client is not at fault, and should try again.
        (ListenerTls::None | ListenerTls::Starttls | ListenerTls::Auto, Protocol::Pop3) => {
            format!("-ERR [SYS/TEMP] {}\r\n", reply.text)
        }
    };
    // A client that does not read at once misses the reply.
    let _unsent = stream.try_write(words.as_bytes());
}
