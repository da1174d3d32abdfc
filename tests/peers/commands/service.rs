//! Start, stop, signals and the admin port, as a service manager meets them.

use super::*;

/// Status line, header and body of a page.
fn page(address: &str, path: &str) -> (String, String) {
    let address: SocketAddr = address.parse().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[test]
fn the_daemon_serves_health_and_metrics_and_nothing_else_over_tcp() {
    let office = Office::new();
    let _daemon = office.start();
    let status = office.json(&["status"]);
    let (admin, metrics) = (status["admin"].as_str().unwrap(), status["metrics"].as_str().unwrap());
    assert!(page(admin, "/healthz").0.starts_with("HTTP/1.0 200"));
    assert!(page(admin, "/readyz").0.starts_with("HTTP/1.0 200"));
    for address in [admin, metrics] {
        let (head, body) = page(address, "/metrics");
        assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
        assert!(body.contains("\npostroom_queue_messages 0\n"), "{body}");
        assert!(page(address, "/api/v1/status").0.starts_with("HTTP/1.0 404"));
    }
    assert!(page(metrics, "/healthz").0.starts_with("HTTP/1.0 404"));
    let socket = office.dir.path().join("data/admin.sock");
    assert_eq!(fs::metadata(socket).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_stop_is_in_good_order_and_a_reload_is_no_stop() {
    let office = Office::new();
    let mut daemon = office.start();
    daemon.signal("HUP");
    until("the reload", || office.log().contains("config reloaded").then_some(()));
    assert!(office.json(&["status"])["ready"].as_bool().unwrap());
    daemon.signal("TERM");
    assert_eq!(daemon.ended(), Some(0), "{}", office.log());
    assert!(office.log().trim_end().ends_with("stopped"), "{}", office.log());
    assert!(!office.dir.path().join("data/admin.sock").exists());
}

#[test]
fn a_second_daemon_on_the_same_data_ends_and_leaves_the_first_alone() {
    let office = Office::new();
    let _daemon = office.start();
    let said = office.bad(&["run"], 1);
    assert!(said.contains("is in use by another process"), "{said}");
    assert!(office.json(&["status"])["ready"].as_bool().unwrap());
}

#[test]
fn a_start_waits_a_little_for_the_process_before_it_to_be_gone() {
    let office = Office::new();
    fs::create_dir(office.dir.path().join("data")).unwrap();
    let lock = fs::File::create(office.dir.path().join("data/lock")).unwrap();
    lock.lock().unwrap();
    let mut command = office.command(&["run"]);
    let log = fs::File::create(office.dir.path().join("log")).unwrap();
    let mut daemon = Daemon(command.stderr(log).spawn().unwrap());
    until("the daemon to wait", || {
        office.log().contains("waiting for the process before").then_some(())
    });
    lock.unlock().unwrap();
    until("the daemon to be ready", || {
        assert!(daemon.0.try_wait().unwrap().is_none(), "{}", office.log());
        office.run(&["status"]).status.success().then_some(())
    });
}

#[test]
fn an_address_that_is_taken_ends_the_start() {
    let office = Office::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = office
        .command(&["run"])
        .env("POSTROOM_LISTENER__0__ADDRESS", address.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("listener {address}")), "{said}");
}

#[test]
fn the_service_manager_hears_ready_the_watchdog_a_reload_and_stopping() {
    let office = Office::new();
    let path = office.dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = |word: &str| {
        let mut buffer = [0; 1024];
        until(word, || {
            let length = socket.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..length]).contains(word).then_some(())
        });
    };
    let mut daemon = office.start_with(
        office.command(&["run"]).env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000"),
    );
    hear("READY=1");
    hear("WATCHDOG=1");
    hear("STATUS=good: 0 messages queued");
    office.good(&["reload"]);
    hear("RELOADING=1\nMONOTONIC_USEC=");
    hear("READY=1");
    daemon.signal("TERM");
    hear("STOPPING=1");
    assert_eq!(daemon.ended(), Some(0));
}
