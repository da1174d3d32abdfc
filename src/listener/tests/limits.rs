//! Which clients get a place and which do not.

use std::{net::IpAddr, time::Duration};

use crate::{
    device::DeviceSettings,
    listener::{
        ListenerTls, ReceivingLimits,
        slots::Slot,
        tests::{LIMITS, Office, PRINTER, printers},
    },
    model::Reply,
};

fn take(office: &Office, peer: &str) -> Result<Slot, Reply> {
    office
        .context
        .for_connection()
        .take_slot(&office.devices.identify(peer.parse::<IpAddr>().unwrap()))
}

fn refusal(taken: Result<Slot, Reply>) -> String {
    taken.err().map_or("taken".to_owned(), |reply| reply.to_string())
}

const BUSY: &str = "421 4.3.2 Too many connections (receiving.connections); try again later";
const YOURS: &str =
    "421 4.7.0 Too many connections from you (receiving.connections_per_client); try again later";
const ITS: &str = "421 4.7.0 Too many connections from this device (connections of its \
    [[device]]); try again later";

#[tokio::test]
async fn strangers_hold_a_small_share_and_devices_find_the_rest() {
    let office = Office::open();
    let strangers: Vec<Slot> =
        (1..=2).map(|n| take(&office, &format!("172.16.0.{n}")).unwrap()).collect();
    assert_eq!(refusal(take(&office, "172.16.0.9")), BUSY);
    let _device = take(&office, "192.168.10.9").unwrap();
    assert_eq!(office.metrics.receiving().connections.get(), 3);
    drop(strangers);
    assert_eq!(office.metrics.receiving().connections.get(), 1);
    assert_eq!(refusal(take(&office, "172.16.0.9")), "taken");
}

#[tokio::test]
async fn one_client_or_one_device_does_not_take_all_places() {
    let office = Office::open();
    let mut held: Vec<Slot> = (0..4).map(|_| take(&office, "192.168.10.1").unwrap()).collect();
    assert_eq!(refusal(take(&office, "192.168.10.1")), YOURS);
    held.extend((2..8).map(|n| take(&office, &format!("192.168.10.{n}")).unwrap()));
    assert_eq!(refusal(take(&office, "192.168.10.99")), ITS);
    held.clear();
    assert_eq!(refusal(take(&office, "192.168.10.1")), "taken");
}

#[tokio::test]
async fn so_many_logins_are_verified_at_once_and_strangers_do_not_keep_a_device_waiting() {
    let office = Office::open();
    let [stranger, device] =
        ["172.16.0.1", "192.168.10.1"].map(|peer| office.devices.identify(peer.parse().unwrap()));
    let context = office.context.for_connection();
    let guess = context.login_permit(&stranger).await;
    let mut next_guess = Box::pin(context.login_permit(&stranger));
    assert!(at_once(&mut next_guess).await.is_none());
    let _login = context.login_permit(&device).await;
    let mut next_login = Box::pin(context.login_permit(&device));
    assert!(at_once(&mut next_login).await.is_none());
    drop(guess);
    assert!(at_once(&mut next_login).await.is_some());
}

/// What a future has to give without waiting.
async fn at_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
            std::task::Poll::Ready(given) => Some(given),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn nobody_gets_more_places_than_there_are() {
    let office = Office::with(
        DeviceSettings { connections: 100, ..printers() },
        ReceivingLimits { connections: 2, ..LIMITS },
    );
    let _held: Vec<Slot> =
        (1..=2).map(|n| take(&office, &format!("192.168.10.{n}")).unwrap()).collect();
    assert_eq!(refusal(take(&office, "192.168.10.3")), BUSY);
}

#[tokio::test]
async fn a_stranger_that_logs_in_frees_its_place_for_the_next() {
    let office = Office::with(
        DeviceSettings { connections: 1, ..printers() },
        ReceivingLimits { connections: 8, ..LIMITS },
    );
    let printer = office.devices.identify("192.168.10.1".parse().unwrap());
    let mut slot = take(&office, "172.16.0.1").unwrap();
    assert_eq!(refusal(take(&office, "172.16.0.2")), BUSY);
    slot.pass_to(&printer).unwrap();
    let mut next = take(&office, "172.16.0.2").unwrap();
    // The device had one place only.
    assert_eq!(next.pass_to(&printer).unwrap_err().to_string(), ITS);
    drop(slot);
    next.pass_to(&printer).unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_address_gives_up_what_exceeds_its_share_when_another_wants_in() {
    let limits = ReceivingLimits { connections: 64, connections_per_client: 64, ..LIMITS };
    let mut office = Office::with(DeviceSettings { connections: 8, ..printers() }, limits);
    let mut hog = Vec::new();
    for _ in 0..8 {
        let mut caller = office.call(PRINTER, ListenerTls::None);
        caller.hear().await;
        hog.push(caller);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    // In the middle of a text that makes no progress.
    let mut stuck = hog.remove(0);
    for line in ["EHLO mfp1", "MAIL FROM:<scan@contoso.com>", "RCPT TO:<anna@contoso.com>", "DATA"]
    {
        stuck.ask(line).await;
    }
    let mut others = Vec::new();
    for n in 0..6 {
        tokio::time::advance(Duration::from_secs(1)).await;
        let mut other = office.call(&format!("192.168.10.{}", 20 + n), ListenerTls::None);
        assert!(other.hear().await.starts_with("220 "), "{n}");
        others.push(other);
    }
    // The idle ones went first, the one that had waited longest before the others.
    for caller in hog.drain(..6) {
        let rest = caller.hear_out().await;
        assert!(rest.starts_with("421 4.3.2 Other addresses of this device need"), "{rest}");
    }
    assert!(hog.remove(0).ask("NOOP").await.starts_with("250 "));
    // The address keeps its share, and gets no more.
    assert_eq!(refusal(take(&office, PRINTER)), ITS);
    assert_eq!(refusal(take(&office, "192.168.10.99")), ITS);
}

#[tokio::test(start_paused = true)]
async fn a_text_without_progress_does_not_keep_others_out() {
    let limits = ReceivingLimits { connections: 64, connections_per_client: 64, ..LIMITS };
    let mut office = Office::with(DeviceSettings { connections: 4, ..printers() }, limits);
    let mut hog = Vec::new();
    for _ in 0..4 {
        let mut caller = office.call(PRINTER, ListenerTls::None);
        caller.hear().await;
        for line in
            ["EHLO mfp1", "MAIL FROM:<scan@contoso.com>", "RCPT TO:<anna@contoso.com>", "DATA"]
        {
            caller.ask(line).await;
        }
        hog.push(caller);
    }
    assert_eq!(refusal(take(&office, "192.168.10.20")), ITS);
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(refusal(take(&office, "192.168.10.20")), "taken");
}
