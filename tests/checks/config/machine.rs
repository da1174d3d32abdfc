//! The machine: the data folder, addresses, files, the environment, and the configs in this
//! repository.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use postroom::config::{Config, ConfigError, Place, reference};

use super::{Disk, GOOD, SMARTHOST, good, parse, parse_on, refused, with};

#[test]
fn a_data_folder_that_can_be_none_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let folder = file.path().join("postroom");
    let text = format!("data_dir = \"{}\"\n{GOOD}", folder.display());
    let Err(ConfigError::Invalid(problems)) =
        Config::parse(Path::new("postroom.toml"), &text, &[], &postroom::config::Disk)
    else {
        panic!("{} was taken for a folder", folder.display())
    };
    assert!(
        problems
            .iter()
            .any(|problem| problem.key == "data_dir" && problem.text.contains("is a file")),
        "{problems:#?}"
    );
}

#[test]
fn files_that_cannot_be_used_are_spoken_of_before_the_start() {
    let lan = |keys: &str| with("[report]", &format!("{SMARTHOST}{keys}\n[report]"));
    refused(&lan("ca_file = \"/etc/absent\""), "account[1].ca_file", "cannot be read");
    refused(&lan("ca_file = \"/etc/ca.txt\""), "account[1].ca_file", "holds no certificate");
    let empty = Disk { content: "\n", mode: 0o600 };
    let password = with("method = \"xoauth2\", token_file", "method = \"plain\", password_file")
        .replace("office365", "gmail");
    let problems = parse_on(
        &password.replace(
            "[[user]]\nname = \"erp\"\npassword_file = \
            \"/etc/postroom/erp.pass\"\ndevice = \"printers\"\n",
            "",
        ),
        &[],
        &empty,
    );
    let warnings = problems.unwrap().warnings;
    assert!(
        warnings
            .iter()
            .any(|w| w.key == "account[0].auth.password_file" && w.text.contains("is empty")),
        "{warnings:#?}"
    );
}

#[test]
fn addresses_are_bound_once() {
    let second = |address: &str| {
        with("[[device]]", &format!("[[listener]]\naddress = \"{address}\"\n[[device]]"))
    };
    refused(&second("[::]:25"), "listener[1].address", "listener[0] already uses");
    refused(&second("127.0.0.1:8025"), "admin.address", "listener[1] already uses");
    let free = second("127.0.0.1:0").replace("[::]:25", "127.0.0.1:0");
    assert_eq!(good(&free).listeners.len(), 2);
}

#[test]
fn the_environment_wins_over_the_file() {
    let variables = [
        ("POSTROOM_ADMIN__ADDRESS", "127.0.0.1:9"),
        ("POSTROOM_ACCOUNT__0__ADDRESS", "other@contoso.com"),
        ("POSTROOM_ACCOUNT__0__LIMITS__CONNECTIONS", "2"),
        ("POSTROOM_RETRY__SPACING", "1h, 2h"),
        ("PATH", "/bin"),
    ];
    let config = parse(GOOD, &variables).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(config.admin.address, "127.0.0.1:9".parse::<SocketAddr>().unwrap());
    let account = config.accounts.first().unwrap();
    assert_eq!(account.address, Some("other@contoso.com".parse().unwrap()));
    assert_eq!(account.limits.connections, 2);
    assert_eq!(config.retry.spacing, [Duration::from_secs(3600), Duration::from_secs(7200)]);
    assert_eq!(config.warnings, []);
}

#[test]
fn a_wrong_variable_is_named() {
    let problems = parse(GOOD, &[("POSTROOM_ACCOUNT__0__PORT", "465")]).map(|_| ()).unwrap_err();
    assert_eq!(
        problems.first().unwrap().place,
        Place::Variable("POSTROOM_ACCOUNT__0__PORT".to_owned())
    );
}

#[test]
fn variables_that_others_set_do_not_stop_the_daemon() {
    // Kubernetes sets these for a service of this name.
    let config = parse(
        GOOD,
        &[("POSTROOM_PORT", "tcp://10.0.0.1:25"), ("POSTROOM_SERVICE_HOST", "10.0.0.1")],
    );
    let warnings = config.unwrap_or_else(|problems| panic!("{problems:#?}")).warnings;
    assert_eq!(warnings.len(), 2);
    assert!(warnings.iter().all(|warning| warning.text.starts_with("there is no such key")));
}

#[test]
fn the_reference_in_the_repository_is_the_one_that_is_printed_and_it_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/reference.toml");
    let text = fs::read_to_string(path).unwrap();
    assert!(
        text == reference(),
        "config/reference.toml is stale: postroom reference > config/reference.toml"
    );
    let config = good(&text);
    // A mailbox with a password is what the reference shows; of nothing else is there a warning.
    let warned: Vec<&str> = config.warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(warned, ["account[0].auth.method"]);
}

#[test]
fn the_short_config_in_the_repository_loads() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/postroom.toml"))
            .unwrap();
    let warned: Vec<String> = good(&text).warnings.into_iter().map(|warning| warning.key).collect();
    assert_eq!(warned, ["device[0].oldest_tls"]);
}
