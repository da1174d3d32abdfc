//! The listener on real sockets.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
};

use crate::{
    device::{DeviceEncryption, DeviceSettings},
    listener::{
        Listener, ListenerSettings, ListenerTls, Protocol, ReceivingLimits,
        accept::note_end,
        tests::{LIMITS, MESSAGE, Office, printers, reply},
    },
};

fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// A listener with this is never closed before the daemon stops.
fn never() -> watch::Receiver<bool> {
    watch::Sender::new(false).subscribe()
}

/// Binds and serves; the address, and the task that ends with the listener.
fn serve(
    office: &Office,
    address: SocketAddr,
    inherited: Option<std::net::TcpListener>,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = Listener::bind(
        &ListenerSettings { address, tls: ListenerTls::Starttls, protocol: Protocol::Smtp },
        inherited,
    )
    .unwrap();
    let address = listener.address();
    (address, tokio::spawn(listener.run(office.context.clone(), never(), office.stop.subscribe())))
}

async fn hand_in(stream: &mut TcpStream) -> String {
    let dialogue = format!(
        "EHLO mfp1\r\nMAIL FROM:<scan@contoso.com>\r\nRCPT \
        TO:<anna@contoso.com>\r\nDATA\r\n{MESSAGE}QUIT\r\n"
    );
    stream.write_all(dialogue.as_bytes()).await.unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).await.unwrap();
    replies
}

#[tokio::test]
async fn a_socket_for_all_ipv6_addresses_takes_ipv4_too_and_knows_its_clients() {
    let office = Office::open();
    let (address, _task) = serve(&office, (Ipv6Addr::UNSPECIFIED, 0).into(), None);
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).await.unwrap();
    let replies = hand_in(&mut stream).await;
    assert!(replies.contains("250 2.0.0 queued as "), "{replies}");
    assert!(office.only_message().await.contains("[127.0.0.1]"));
}

#[tokio::test]
async fn a_socket_that_was_bound_by_somebody_else_is_served() {
    let office = Office::open();
    let inherited = std::net::TcpListener::bind(loopback()).unwrap();
    let bound = inherited.local_addr().unwrap();
    let (address, _task) = serve(&office, loopback(), Some(inherited));
    assert_eq!(address, bound);
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert!(hand_in(&mut stream).await.contains("250 2.0.0 queued as "));
}

#[tokio::test]
async fn a_device_that_logs_in_by_pop_may_send_afterwards() {
    let office = Office::with(DeviceSettings { networks: Vec::new(), ..printers() }, LIMITS);
    let (smtp, _task) = serve(&office, loopback(), None);
    let pop =
        ListenerSettings { address: loopback(), tls: ListenerTls::None, protocol: Protocol::Pop3 };
    let pop = Listener::bind(&pop, None).unwrap();
    let mut before = TcpStream::connect(smtp).await.unwrap();
    assert!(
        hand_in(&mut before)
            .await
            .contains("\r\n550 5.7.1 127.0.0.1 is not in any device's networks")
    );

    let mut login = TcpStream::connect(pop.address()).await.unwrap();
    let _task = tokio::spawn(pop.run(office.context.clone(), never(), office.stop.subscribe()));
    login.write_all(b"USER mfp1\r\nPASS geheim\r\nSTAT\r\nQUIT\r\n").await.unwrap();
    let mut said = String::new();
    login.read_to_string(&mut said).await.unwrap();
    assert!(
        said.starts_with("+OK POP before SMTP ready <") && said.contains("\r\n+OK 0 0\r\n"),
        "{said}"
    );

    let mut after = TcpStream::connect(smtp).await.unwrap();
    assert!(hand_in(&mut after).await.contains("250 2.0.0 queued as "));
    assert_eq!(office.spool.list(None, 1).unwrap()[0].device.as_str(), "printers");
}

#[tokio::test]
async fn a_connection_that_was_there_before_the_login_by_pop_may_send_too() {
    let office = Office::with(DeviceSettings { networks: Vec::new(), ..printers() }, LIMITS);
    let (smtp, _task) = serve(&office, loopback(), None);
    let pop = ListenerSettings {
        address: loopback(),
        tls: ListenerTls::Starttls,
        protocol: Protocol::Pop3,
    };
    let pop = Listener::bind(&pop, None).unwrap();
    let mut login = TcpStream::connect(pop.address()).await.unwrap();
    let _task = tokio::spawn(pop.run(office.context.clone(), never(), office.stop.subscribe()));

    let mut early = TcpStream::connect(smtp).await.unwrap();
    reply(&mut early).await;
    early.write_all(b"EHLO mfp1\r\nMAIL FROM:<scan@contoso.com>\r\n").await.unwrap();
    reply(&mut early).await;
    assert!(
        reply(&mut early).await.starts_with("550 5.7.1 127.0.0.1 is not in any device's networks")
    );
    login.write_all(b"USER mfp1\r\nPASS geheim\r\n").await.unwrap();
    let mut said = String::new();
    while !said.contains("+OK no messages; mail can be sent now\r\n") {
        said.push(login.read_u8().await.unwrap().into());
    }
    // With all that its device may do: a stranger would have one recipient at most.
    let dialogue = format!(
        "MAIL FROM:<scan@contoso.com>\r\nRCPT TO:<a@contoso.com>\r\nRCPT \
        TO:<b@contoso.com>\r\nDATA\r\n{MESSAGE}QUIT\r\n"
    );
    early.write_all(dialogue.as_bytes()).await.unwrap();
    let mut replies = String::new();
    early.read_to_string(&mut replies).await.unwrap();
    assert!(replies.contains("250 2.0.0 queued as "), "{replies}");
    let entry = &office.spool.list(None, 1).unwrap()[0];
    assert_eq!((entry.device.as_str(), entry.recipients.len()), ("printers", 2));
}

#[tokio::test]
async fn a_device_that_must_encrypt_does_not_log_in_by_pop_in_clear() {
    let office = Office::with(
        DeviceSettings { encryption: DeviceEncryption::Required, ..printers() },
        LIMITS,
    );
    let pop = ListenerSettings {
        address: loopback(),
        tls: ListenerTls::Starttls,
        protocol: Protocol::Pop3,
    };
    let pop = Listener::bind(&pop, None).unwrap();
    let mut login = TcpStream::connect(pop.address()).await.unwrap();
    let _task = tokio::spawn(pop.run(office.context.clone(), never(), office.stop.subscribe()));
    login.write_all(b"USER mfp1\r\nPASS geheim\r\nQUIT\r\n").await.unwrap();
    let mut said = String::new();
    login.read_to_string(&mut said).await.unwrap();
    assert!(
        said.ends_with(
            "-ERR use TLS 1.2 or newer first (encryption of its [[device]])\r\n+OK bye\r\n"
        ),
        "{said}"
    );
    assert_eq!(office.metrics.receiving().logins_accepted.get(), 0);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind(loopback()).unwrap();
    let address = taken.local_addr().unwrap();
    let error = Listener::bind(
        &ListenerSettings { address, tls: ListenerTls::None, protocol: Protocol::Smtp },
        None,
    )
    .err()
    .unwrap();
    assert!(
        error.to_string().starts_with(&format!("listener {address}: Address already in use")),
        "{error}"
    );
}

#[tokio::test]
async fn accepted_sockets_have_the_options_of_the_listening_one() {
    let listener = Listener::bind(
        &ListenerSettings { address: loopback(), tls: ListenerTls::None, protocol: Protocol::Smtp },
        None,
    )
    .unwrap();
    let _client = TcpStream::connect(listener.address()).await.unwrap();
    let (accepted, _) = listener.socket().accept().await.unwrap();
    assert!(accepted.nodelay().unwrap());
    assert!(SockRef::from(&accepted).keepalive().unwrap());
}

#[tokio::test]
async fn who_finds_no_place_is_told_so_and_the_rest_is_served() {
    let office = Office::with(printers(), ReceivingLimits { connections_per_client: 1, ..LIMITS });
    let (address, _task) = serve(&office, loopback(), None);
    let mut first = TcpStream::connect(address).await.unwrap();
    assert!(reply(&mut first).await.starts_with("220 "));
    let mut second = TcpStream::connect(address).await.unwrap();
    assert!(reply(&mut second).await.starts_with("421 4.7.0 "));
    assert!(hand_in(&mut first).await.contains("250 2.0.0 queued as "));
    assert_eq!(office.metrics.receiving().connections_refused.get(), 1);
}

#[tokio::test]
async fn a_stopped_listener_accepts_no_more_and_ends_with_its_last_message() {
    let office = Office::open();
    let (address, task) = serve(&office, loopback(), None);
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(
        b"HELO mfp1\r\nMAIL FROM:<scan@contoso.com>\r\nRCPT TO:<anna@contoso.com>\r\nDATA\r\n",
    )
    .await
    .unwrap();
    for _ in 0..5 {
        reply(&mut busy).await;
    }
    office.stop.send(true).unwrap();
    // Whether the acceptors have woken up yet or not: nobody is served any more.
    if let Ok(mut late) = TcpStream::connect(address).await {
        let said = reply(&mut late).await;
        assert!(
            !said.starts_with("220 ") || reply(&mut late).await.starts_with("421 4.3.2 "),
            "{said}"
        );
    }
    assert!(!task.is_finished());
    busy.write_all(MESSAGE.as_bytes()).await.unwrap();
    assert!(reply(&mut busy).await.starts_with("250 2.0.0 queued as "));
    task.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_panic_in_one_connection_is_counted_and_ends_that_one_alone() {
    let office = Office::open();
    let (address, _task) = serve(&office, loopback(), None);
    let broken = tokio::spawn(async { panic!("a bug") }).await;
    note_end(&office.context, broken);
    assert_eq!(office.metrics.receiving().session_panics.get(), 1);
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert!(hand_in(&mut stream).await.contains("250 2.0.0 queued as "));
}

#[tokio::test]
async fn a_listener_that_is_closed_lets_its_sessions_go_on_and_another_takes_its_socket_over() {
    let office = Office::open();
    let settings =
        ListenerSettings { address: loopback(), tls: ListenerTls::None, protocol: Protocol::Smtp };
    let first = Listener::bind(&settings, None).unwrap();
    let (address, socket) = (first.address(), first.duplicate().unwrap());
    let close = watch::Sender::new(false);
    let stop = office.stop.subscribe();
    let serving = tokio::spawn(first.run(office.context.clone(), close.subscribe(), stop));
    let mut before = TcpStream::connect(address).await.unwrap();
    assert!(reply(&mut before).await.starts_with("220"));
    close.send_replace(true);

    let settings = ListenerSettings { tls: ListenerTls::Starttls, ..settings };
    let second = Listener::bind(&settings, Some(socket)).unwrap();
    let _task = tokio::spawn(second.run(office.context.clone(), never(), office.stop.subscribe()));
    let mut after = TcpStream::connect(address).await.unwrap();
    assert!(reply(&mut after).await.starts_with("220"));
    after.write_all(b"EHLO mfp2\r\n").await.unwrap();
    assert!(reply(&mut after).await.contains("STARTTLS"));

    assert!(hand_in(&mut before).await.contains("250 2.0.0"), "the session goes on");
    serving.await.unwrap();
}
