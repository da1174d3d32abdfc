//! Values and keys of the wrong form: each error has its line and says what to write.

use std::{fs, time::Duration};

use postroom::config::{Config, ConfigError, Place, reference};
use proptest::prelude::*;

use super::{GOOD, good, parse, refused, warned, with};

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    refused(
        &with("hostname =", "host_name = \"x\"\nhostname ="),
        "host_name",
        "did you mean `hostname`?",
    );
    refused(
        &with("networks =", "max_mesage = \"1MB\"\nnetworks ="),
        "device[0].max_mesage",
        "did you mean `max_message`?",
    );
    refused(
        &with("token_file =", "tokenfile = \"/x\", token_file ="),
        "account[0].auth.tokenfile",
        "did you mean `token_file`?",
    );
    refused(&with("[report]", "[reports]\n[report]"), "reports", "did you mean `report`?");
    refused(
        &with("[report]", "[zebra]\n[report]"),
        "zebra",
        "the known keys are: hostname, \
    data_dir",
    );
}

#[test]
fn every_error_is_found_in_one_look_and_knows_its_line() {
    let text = with("\"[::]:25\"", "\"[::]\"")
        .replace("192.168.10.0/24", "192.168.10")
        .replace("office365", "office356");
    let problems = parse(&text, &[]).map(|_| ()).unwrap_err();
    let places: Vec<(&Place, &str)> =
        problems.iter().map(|problem| (&problem.place, problem.key.as_str())).collect();
    let line = |line| Place::Line { file: "postroom.toml".into(), line };
    let (listener, networks, preset) = (line(3), line(6), line(14));
    let expected = [
        (&listener, "listener[0].address"),
        (&networks, "device[0].networks"),
        (&preset, "account[0].preset"),
    ];
    assert_eq!(places, expected, "{problems:#?}");
}

#[test]
fn what_only_the_whole_shows_is_found_in_the_same_look() {
    let text = with("\"[::]:25\"", "\"[::]\"")
        .replace(
            "networks = [\"192.168.10.0/24\"]",
            "networks = \
            [\"192.168.10.0/24\"]\nmax_message = \"40MB\"",
        )
        .replace(
            "[report]",
            "spill_to = [\"lan\", \"nowhere\"]\n[[account]]\nname = \
            \"lan\"\nroute = \"smarthost\"\n[report]",
        );
    let problems = parse(&text, &[]).map(|_| ()).unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    // "lan" exists, though it lacks its host: that it is wrong is said once.
    assert_eq!(
        keys,
        ["listener[0].address", "device[0].max_message", "account[0].spill_to", "account[1].host"],
        "{problems:#?}"
    );
    let lost = with("password_file = \"/etc/postroom/erp.pass\"\n", "")
        .replace("networks = [\"192.168.10.0/24\"]\n", "");
    let problems = parse(&lost, &[]).map(|_| ()).unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(
        keys,
        ["user[0].password_file"],
        "a device is not called unreachable because its user is wrong: {problems:#?}"
    );
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    let problems = parse("hostname = \"a.b\"\n[[listener]\n", &[]).map(|_| ()).unwrap_err();
    assert_eq!(
        problems.first().unwrap().place,
        Place::Line { file: "postroom.toml".into(), line: 2 }
    );
}

#[test]
fn what_is_missing_is_named_with_what_to_write() {
    refused(
        &with("hostname = \"relay.contoso.lan\"\n", ""),
        "hostname",
        "is missing; write the full name of this machine",
    );
    refused(
        &with("[[listener]]\naddress = \"[::]:25\"\n", ""),
        "listener",
        "write [[listener]] with address",
    );
    refused(
        &with("address = \"[::]:25\"\n", ""),
        "listener[0].address",
        "is missing; write for example",
    );
    refused(
        &with("route = \"submission\"\npreset = \"office365\"\n", "host = \"mx\"\n"),
        "account[0].route",
        "write \"submission\"",
    );
    refused(
        &with("auth = { method = \"xoauth2\", token_file = \"/run/postroom/token\" }\n", ""),
        "account[0].auth",
        "is missing",
    );
    refused(
        &with("address = \"scanner@contoso.com\"\n", ""),
        "account[0].auth.user",
        "write it, or the account's `address`",
    );
    refused(
        &with(", token_file = \"/run/postroom/token\"", ""),
        "account[0].auth.token_file",
        "is missing; write the path",
    );
    refused(
        &with("password_file = \"/etc/postroom/erp.pass\"\n", ""),
        "user[0].password_file",
        "is missing",
    );
}

#[test]
fn values_of_the_wrong_form_say_which_is_right() {
    refused(
        &with("\"[::]:25\"", "\"mail.contoso.com:25\""),
        "listener[0].address",
        "write for example \"[::]:25\"",
    );
    refused(
        &with("address = \"[::]:25\"", "address = \"[::]:25\"\ntls = \"always\""),
        "listener[0].tls",
        "none of \"none\", \"starttls\"",
    );
    refused(
        &with("networks =", "oldest_tls = \"ssl2\"\nnetworks ="),
        "device[0].oldest_tls",
        "none of \"ssl3\", \"tls1.0\"",
    );
    refused(
        &with("networks =", "senders = [\"contoso.com\"]\nnetworks ="),
        "device[0].senders",
        "write for example \"*@contoso.com\"",
    );
    refused(
        &with("networks =", "max_message = \"big\"\nnetworks ="),
        "device[0].max_message",
        "for example \"35MB\"",
    );
    refused(
        &with("networks =", "max_message = \"1KB\"\nnetworks ="),
        "device[0].max_message",
        "too small for a scan",
    );
    refused(
        &with("networks =", "mechanisms = [\"ntlm\"]\nnetworks ="),
        "device[0].mechanisms",
        "none of \"plain\", \"login\"",
    );
    refused(
        &with("networks =", "messages_per_minute = 0\nnetworks ="),
        "device[0].messages_per_minute",
        "not a whole number from 1",
    );
}

#[test]
fn accounts_retries_and_tables_of_the_wrong_form_say_which_is_right() {
    refused(
        &with("address = \"scanner@contoso.com\"", "address = \"scanner\""),
        "account[0].address",
        "has no \"@domain\"",
    );
    refused(
        &with("[report]", "[retry]\ngive_up_after = \"5 apples\"\n[report]"),
        "retry.give_up_after",
        "for example \"30m\" or \"5d\"",
    );
    refused(
        &with("hostname =", "data_dir = \"data\"\nhostname ="),
        "data_dir",
        "write the whole path",
    );
    refused(
        &with("[[listener]]", "[listener]"),
        "listener",
        "write [[listener]], in two pairs of brackets",
    );
    refused(
        &with("hostname = \"relay.contoso.lan\"", "hostname = \"relay contoso\""),
        "hostname",
        "is not a host name",
    );
}

#[test]
fn retries_are_never_closer_than_half_an_hour() {
    let retry =
        |spacing: &str| with("[report]", &format!("[retry]\nspacing = {spacing}\n[report]"));
    refused(&retry("[\"30m\", \"29m 59s\"]"), "retry.spacing", "RFC 5321 4.5.4.1");
    refused(&retry("[]"), "retry.spacing", "needs 1 to 100 entries");
    assert_eq!(good(&retry("[\"30m\"]")).retry.spacing, [Duration::from_secs(1800)]);
    warned(
        &with("[report]", "[retry]\ngive_up_after = \"1d\"\n[report]"),
        "retry.give_up_after",
        "shorter than a weekend",
    );
    refused(
        &with("[report]", "[retry]\ngive_up_after = \"10m\"\n[report]"),
        "retry.give_up_after",
        "Postroom would never try twice",
    );
}

#[test]
fn names_that_are_referred_to_exist() {
    refused(
        &with("networks =", "account = \"skanner\"\nnetworks ="),
        "device[0].account",
        "there is no \"skanner\"; the config has \"scanner\"",
    );
    refused(
        &with("device = \"printers\"", "device = \"printer\""),
        "user[0].device",
        "there is no \"printer\"",
    );
    refused(
        &with("preset =", "spill_to = [\"other\"]\npreset ="),
        "account[0].spill_to",
        "there is no \"other\"",
    );
    refused(
        &with("preset =", "spill_to = [\"scanner\"]\npreset ="),
        "account[0].spill_to",
        "names the account itself",
    );
    refused(
        &with("administrator =", "account = \"other\"\nadministrator ="),
        "report.account",
        "there is no \"other\"",
    );
}

#[test]
fn names_are_unique_and_printable() {
    let device = "[[device]]\nname = \"printers\"\nnetworks = [\"10.0.0.1\"]\n[[user]]";
    refused(&with("[[user]]", device), "device[1].name", "device[0] already uses \"printers\"");
    let user =
        "[[user]]\nname = \"ERP\"\npassword_file = \"/x\"\ndevice = \"printers\"\n[[account]]";
    refused(&with("[[account]]", user), "user[1].name", "already uses");
    refused(
        &with("name = \"scanner\"", "name = \"scan\\nner\""),
        "account[0].name",
        "without control characters",
    );
    refused(
        &with("name = \"scanner\"", "name = \" scanner\""),
        "account[0].name",
        "blanks at its ends",
    );
    refused(
        &with("[[user]]", "[[device]]\nname = \"postroom\"\n[[user]]"),
        "device[1].name",
        "Postroom's own mail",
    );
    refused(
        &with("name = \"erp\"", "name = \"erp@contoso.com\""),
        "user[0].name",
        "must not \
    contain \"@\"",
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(
        cut in 0usize..8000,
        insert in "[\\[\\]{}=\".,a-z0-9\n-]{0,12}",
        variable in "[A-Z_0-9]{0,20}",
        value in ".{0,12}",
    ) {
        let mut text = reference();
        let cut = text.floor_char_boundary(cut.min(text.len()));
        text.insert_str(cut, &insert);
        let name = format!("POSTROOM_{variable}");
        drop(parse(&text, &[(&name, &value)]));
    }

    #[test]
    fn every_problem_says_something(key in "[a-z_]{1,12}", value in "[a-z0-9]{0,8}") {
        let text = format!("{key} = \"{value}\"\n{GOOD}");
        if let Err(problems) = parse(&text, &[]) {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.iter().all(|problem| !problem.text.is_empty()));
        }
    }
}

#[test]
fn a_file_in_another_encoding_is_named_as_such() {
    let check = |octets: &[u8], line: usize, says: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), octets).unwrap();
        let Err(ConfigError::Invalid(problems)) = Config::load(file.path()) else {
            panic!("{says:?} was not said")
        };
        let [problem] = problems.as_slice() else { panic!("not one problem: {problems:#?}") };
        assert_eq!(problem.place, Place::Line { file: file.path().into(), line }, "{problem}");
        assert!(problem.text.contains(says), "{says:?} is not in: {problem}");
    };
    check(b"hostname = \"a.b\"\n# Biuro g\xb3\xf3wne\n", 2, "0xb3 is not UTF-8");
    check(b"# Biuro g\xb3\xf3wne\n", 1, "Latin-2 (ISO 8859-2)");
    let utf16: Vec<u8> =
        "\u{feff}hostname = \"a.b\"\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(&utf16, 1, "is in UTF-16; save it as UTF-8");
}

#[test]
fn an_address_is_checked_as_a_recipient_is() {
    for address in ["it@firma.pl,szef@firma.pl", "a@b@c.pl", "it@firma.pl;", "it@firma,pl"] {
        let text = with("it@contoso.com", address);
        refused(&text, "report.administrator", "is not one address; write for example");
    }
    for address in ["postmaster", "it+alerts@firma.pl", "it@[192.0.2.1]"] {
        let text = with("it@contoso.com", address);
        assert_eq!(good(&text).warnings, [], "{address}");
    }
}

#[test]
fn the_files_in_conf_d_belong_to_the_config_by_name_and_each_problem_names_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let (file, folder) = (dir.path().join("postroom.toml"), dir.path().join("conf.d"));
    fs::write(&file, GOOD.replace("token_file = \"/run/postroom/token\"", "token_file = \"/\""))
        .unwrap();
    fs::create_dir(&folder).unwrap();
    let device = |name: &str, more: &str| {
        format!("[[device]]\nname = \"{name}\"\nnetworks = [\"10.0.{name}.0/24\"]\n{more}")
    };
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write("20-b.toml", &device("2", "oldest_tsl = \"tls1.2\"\n"));
    write("10-a.toml", &device("1", ""));
    write(".hidden.toml", "= nonsense");
    write("30-c.toml.bak", "= nonsense");
    let Err(ConfigError::Invalid(problems)) = Config::load(&file) else { panic!("it is wrong") };
    let second = folder.join("20-b.toml");
    let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    let line = format!("{}:4: error: device[2].oldest_tsl", second.display());
    assert!(said.iter().any(|said| said.starts_with(&line)), "{said:#?}");
}
