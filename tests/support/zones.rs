//! A real authoritative DNS server, NSD, with a signed root and a domain below it that is not
//! signed.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(60);

/// NSD; stopped when dropped.
pub(crate) struct Zones {
    process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) trust_anchor: PathBuf,
    _folder: TempDir,
}

impl Zones {
    /// `signed` are records of the root zone, `plain` of the zone `plain.`; the zone `broken.`
    /// cannot be answered for.
    pub(crate) fn start(signed: &str, plain: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let head = |name: &str| {
            format!("{name} 60 IN SOA ns. root.ns. 1 60 60 60 60\n{name} 60 IN NS ns.\n")
        };
        let below = "ns. 60 IN A 127.0.0.1\nplain. 60 IN NS ns.\nbroken. 60 IN NS ns.\n";
        fs::write(dir.join("root.zone"), format!("{}{below}{signed}", head("."))).unwrap();
        fs::write(dir.join("plain.zone"), format!("{}{plain}", head("plain."))).unwrap();
        let trust_anchor = sign(dir);
        let address = free();
        let zone =
            |name: &str, file: &str| format!("zone:\n  name: \"{name}\"\n  zonefile: \"{file}\"\n");
        let config = format!(
            "server:\n  ip-address: 127.0.0.1@{}\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \
            \"{dir}\"\n  database: \"\"\n  pidfile: \"{dir}/nsd.pid\"\n  xfrdfile: \
            \"{dir}/xfrd.state\"\n  xfrdir: \"{dir}\"\n  zonelistfile: \"{dir}/zone.list\"\n  \
            logfile: \"{dir}/nsd.log\"\n  server-count: 1\nremote-control:\n  control-enable: \
            no\n{}{}{}",
            address.port(),
            zone(".", "root.signed"),
            zone("plain", "plain.zone"),
            zone("broken", "absent.zone"),
            dir = dir.display(),
        );
        fs::write(dir.join("nsd.conf"), config).unwrap();
        let mut process = Command::new("nsd")
            .args(["-d", "-c"])
            .arg(dir.join("nsd.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nsd is needed: apt install nsd");
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            let log = || fs::read_to_string(dir.join("nsd.log")).unwrap_or_default();
            assert!(process.try_wait().unwrap().is_none(), "nsd has ended: {}", log());
            assert!(Instant::now() < deadline, "nsd does not answer: {}", log());
            thread::park_timeout(Duration::from_millis(20));
        }
        Self { process, address, trust_anchor, _folder: folder }
    }
}

impl Drop for Zones {
    fn drop(&mut self) {
        // Its children go with it when it is asked to stop.
        let asked = Command::new("kill").arg(self.process.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}

/// Signs the root; yields the file with its key.
fn sign(dir: &Path) -> PathBuf {
    let run = |command: &mut Command| {
        let output = command
            .current_dir(dir)
            .output()
            .expect("ldns-keygen and ldns-signzone are needed: apt install ldnsutils");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let key = run(Command::new("ldns-keygen").args([
        "-r",
        "/dev/urandom",
        "-a",
        "ECDSAP256SHA256",
        "-k",
        ".",
    ]));
    run(Command::new("ldns-signzone").args(["-o", ".", "-f", "root.signed", "root.zone", &key]));
    let record = fs::read_to_string(dir.join(format!("{key}.key"))).unwrap();
    let record = record.split(';').next().unwrap_or_else(|| panic!("no key in {record}"));
    let file = dir.join("root.key");
    fs::write(&file, format!("{}\n", record.trim().replace('\t', " "))).unwrap();
    file
}

/// A port that is free for UDP and TCP alike: NSD has to be told one.
fn free() -> SocketAddr {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}
