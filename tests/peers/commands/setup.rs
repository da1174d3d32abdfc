//! Exit codes, and the commands that need no daemon.

use super::*;

#[test]
fn exit_codes_tell_usage_config_and_failure_apart() {
    let office = Office::new();
    assert!(
        office.bad(&["queue", "show", "nonsense"], 2).contains("a message id has 20 characters")
    );
    assert!(office.bad(&["status"], 2).contains("the daemon is not running"));
    fs::write(office.config(), "hostname = \"x.y\"\nlistner = 1\n").unwrap();
    for command in ["check", "run"] {
        let said = office.bad(&[command], 78);
        assert!(
            said.contains(
                "postroom.toml:2: error: listner: there is no such key; did you mean `listener`?"
            ),
            "{said}"
        );
    }
    fs::remove_file(office.config()).unwrap();
    assert!(office.bad(&["check"], 78).contains("postroom init"));
}

#[test]
fn commands_without_a_daemon_say_how_to_start_it() {
    let office = Office::new();
    for words in [
        ["queue", "list"].as_slice(),
        &["account", "list"],
        &["status"],
        &["send", "--to", "a@contoso.com"],
    ] {
        let said = office.bad(words, if words == ["status"] { 2 } else { 1 });
        assert!(
            said.contains("the daemon is not running") && said.contains("systemctl start postroom"),
            "{words:?}: {said}"
        );
    }
    // The devices are in the config, so they can be listed all the same.
    assert!(office.good(&["device", "list"]).contains("printers"));
}

#[test]
fn a_password_for_a_device_is_made_kept_and_hashed_but_never_overwritten() {
    let office = Office::new();
    let file = office.dir.path().join("mfp1.pass");
    let path = file.to_str().unwrap();
    let words = ["device", "password", "--user", "mfp1", "--output", path];
    let made = office.good(&words);
    assert_eq!(fs::read_to_string(&file).unwrap(), made);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(office.bad(&words, 1).contains("never overwritten"));
    assert_eq!(fs::read_to_string(&file).unwrap(), made);

    // An existing one, hashed: the config takes it for what it is.
    let hashed = office.dir.path().join("mfp1.hash");
    let mut command = office.command(&[
        "device",
        "password",
        "--stdin",
        "--hash",
        "--output",
        hashed.to_str().unwrap(),
    ]);
    let output = command.stdin(fs::File::open(&file).unwrap()).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("CRAM-MD5, DIGEST-MD5 and APOP need the password itself"),
        "{output:?}"
    );
    let hash = fs::read_to_string(&hashed).unwrap();
    assert!(hash.starts_with("$argon2id$v=19$") && !hash.contains(made.trim()), "{hash}");
    let mut config = fs::OpenOptions::new().append(true).open(office.config()).unwrap();
    writeln!(
        config,
        "[[user]]\nname = \"mfp1\"\npassword_file = {hashed:?}\ndevice = \"printers\""
    )
    .unwrap();
    office.good(&["check"]);

    // A hash that is made for no file is shown below its password.
    let said = office.good(&["device", "password", "--hash"]);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].len() == 16 && lines[1].starts_with("$argon2id$"),
        "{said}"
    );
    assert!(
        office
            .bad(&["device", "password", "--stdin", "--hash"], 1)
            .contains("standard input contains no password")
    );
}

#[test]
fn the_demonstration_proves_that_a_scan_arrives_unchanged_and_cleans_up() {
    let temporary = TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_postroom"))
        .args(["demo", "--once"])
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Its attachment is identical to the scan"), "{said}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn the_demonstration_says_what_becomes_of_its_mail_when_it_is_stopped() {
    let temporary = TempDir::new().unwrap();
    let kept = temporary.path().join("kept");
    for (arguments, farewell) in [
        (vec!["demo"], "The demo deletes "),
        (vec!["demo", "--dir", kept.to_str().unwrap()], "The demo keeps its data and the mail"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command.args(&arguments).env("TMPDIR", temporary.path()).stdout(Stdio::piped());
        let mut demo = Daemon(command.spawn().unwrap());
        let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said: Vec<String> =
            lines.by_ref().take_while(|line| !line.contains("until Ctrl-C")).collect();
        let typed = said.iter().find(|line| line.contains(" status --config ")).unwrap();
        let status = Command::new("sh").args(["-c", typed]).output().unwrap();
        assert!(status.status.success(), "{typed}: {status:?}");
        demo.signal("INT");
        let last = lines.filter(|line| line.starts_with("Stopping.")).collect::<Vec<_>>();
        assert!(last.len() == 1 && last[0].contains(farewell), "{last:?}");
        assert_eq!(demo.ended(), Some(0));
    }
    let left: Vec<_> = fs::read_dir(temporary.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(left, [kept], "only the directory that was named stays");
}

#[test]
fn questions_are_answered_into_a_config_that_is_good() {
    let office = Office::new();
    let path = office.dir.path().join("new/postroom.toml");
    let mut command = office.command(&["init", "--output", path.to_str().unwrap()]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let answers =
        "relay.contoso.lan\n10.1.0.0/16\noffice365\nscan@contoso.com\ntoken\nit@contoso.com\n";
    child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let checked = Command::new(env!("CARGO_BIN_EXE_postroom"))
        .args(["check", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    office.bad(&["init", "--output", path.to_str().unwrap()], 1);
}
