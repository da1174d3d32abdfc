//! The alert rules and the metrics, as Prometheus reads them.

use super::*;

const ALERTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/prometheus-alerts.yml");
const CASES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/prometheus-alerts-test.yml");

#[test]
fn the_alert_rules_fire_when_they_should_and_not_before() {
    let dir = TempDir::new().unwrap();
    let cases = dir.path().join("cases.yml");
    fs::write(&cases, fs::read_to_string(CASES).unwrap().replace("ALERTS", ALERTS)).unwrap();
    let promtool = |words: &[&str]| {
        let output = Command::new("promtool")
            .args(words)
            .output()
            .expect("promtool cannot be started; `make test` installs it");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{words:?}: {said}");
    };
    promtool(&["check", "rules", "--lint-fatal", ALERTS]);
    promtool(&["test", "rules", cases.to_str().unwrap()]);
}

#[test]
fn status_is_a_check_for_nagios_and_says_what_is_wrong() {
    let office = Office::new();
    let daemon = office.start();
    let said = office.good(&["status"]);
    assert!(said.starts_with("good: postroom "), "{said}");
    assert!(said.contains("today      sent to 0 recipients, 0 failed"), "{said}");
    assert!(said.contains("disk       "), "{said}");
    let status = office.json(&["status"]);
    assert_eq!(
        (&status["condition"], &status["concerns"]),
        (&"good".into(), &Value::Array([].into()))
    );

    office.good(&["account", "disable", "out/1"]);
    // It waits for the account, so the command fails after no time.
    office.bad(&["send", "--to", "anna@contoso.com", "--wait", "0s"], 1);
    let output = office.run(&["status"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let concern = "\nwarning    account \"out/1\" is disabled, and mail waits for it\n";
    assert!(said.starts_with("warning: ") && said.contains(concern), "{said}");
    drop(daemon);
    let output = office.run(&["status"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "trouble: the daemon does not answer\n");
}

/// A Prometheus that reads the alert rules and scrapes one address.
struct Prometheus {
    process: Daemon,
    address: SocketAddr,
}

impl Prometheus {
    fn start(folder: &std::path::Path, target: &str) -> Self {
        let config = format!(
            "global: {{ scrape_interval: 200ms, evaluation_interval: 200ms }}\n\
            rule_files: [{ALERTS}]\n\
            scrape_configs:\n  - job_name: postroom\n    static_configs: [{{ targets: \
            [\"{target}\"] }}]\n"
        );
        let (path, log) = (folder.join("prometheus.yml"), folder.join("prometheus.log"));
        fs::write(&path, config).unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("series").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .expect("prometheus cannot be started; `make test` installs it");
        let mut process = Daemon(process);
        let address = until("Prometheus to listen", || {
            assert!(process.0.try_wait().unwrap().is_none(), "{}", said(&log));
            let said = said(&log);
            let line = said.lines().find(|line| line.contains("\"Listening on\""))?;
            line.rsplit("address=").next()?.trim().parse().ok()
        });
        Self { process, address }
    }

    fn ask(&self, path: &str) -> Value {
        let output = Command::new("curl")
            .args(["--silent", "--show-error"])
            .arg(format!("http://{}{path}", self.address))
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// The value of a query with one result.
    fn value(&self, query: &str) -> Option<f64> {
        let answer = self.ask(&format!("/api/v1/query?query={query}"));
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }
}

fn said(log: &std::path::Path) -> String {
    fs::read_to_string(log).unwrap()
}

#[test]
fn prometheus_reads_the_metrics_and_every_alert_rule_has_an_answer() {
    let office = Office::new();
    let daemon = office.start();
    let target = office.json(&["status"])["metrics"].as_str().unwrap().to_owned();
    let prometheus = Prometheus::start(office.dir.path(), &target);
    until("a scrape", || prometheus.value("up").filter(|up| *up == 1.0));
    assert_eq!(prometheus.value("postroom_build_info"), Some(1.0));
    assert_eq!(prometheus.value("postroom_device_messages_total"), Some(0.0));
    until("the queue to be counted", || prometheus.value("count(postroom_account_queue_messages)"));

    let rules = until("every rule to be evaluated", || {
        let answer = prometheus.ask("/api/v1/rules");
        let rules = answer["data"]["groups"][0]["rules"].as_array()?.clone();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    });
    assert!(rules.len() > 10, "{rules:?}");
    for rule in &rules {
        assert_eq!((&rule["health"], &rule["state"]), (&"ok".into(), &"inactive".into()), "{rule}");
    }
    drop(daemon);
    until("the alert about a daemon that is down", || {
        let answer = prometheus.ask("/api/v1/alerts");
        let alerts = answer["data"]["alerts"].as_array()?.clone();
        alerts.iter().any(|alert| alert["labels"]["alertname"] == "PostroomDown").then_some(())
    });
    drop(prometheus.process);
}
