//! Commands about waiting mail and about accounts.

use super::*;

/// Puts a message into the queue and yields its id.
fn queued(office: &Office) -> String {
    let output = office.run(&["send", "--to", "megan@contoso.com", "--wait", "0s"]);
    assert_eq!(output.status.code(), Some(1), "it cannot have been delivered: {output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("still in the queue"), "{said}");
    let list = office.json(&["queue", "list"]);
    let entry = list.as_array().unwrap().last().unwrap();
    entry["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_person_may_hold_release_export_and_delete_mail() {
    let office = Office::new();
    let _daemon = office.start();
    let id = queued(&office);
    office.good(&["queue", "hold", &id, "--reason", "wait for Alex"]);
    assert!(office.good(&["queue", "list"]).contains("held: wait for Alex"));
    let entry = office.json(&["queue", "show", &id]);
    assert_eq!(entry["recipients"][0]["recipient"]["address"], "megan@contoso.com");
    office.good(&["queue", "release", &id]);
    assert!(!office.good(&["queue", "show", &id]).contains("held"));

    let file = office.dir.path().join("export.eml");
    office.good(&["queue", "export", &id, "--output", file.to_str().unwrap()]);
    let exported = fs::read_to_string(&file).unwrap();
    assert!(exported.contains("Subject: Test message from Postroom\r\n"), "{exported}");
    assert_eq!(exported, office.good(&["queue", "export", &id]));
    // An export never overwrites.
    office.bad(&["queue", "export", &id, "--output", file.to_str().unwrap()], 1);

    assert!(office.bad(&["queue", "delete", &id], 1).contains("add --yes"));
    office.good(&["queue", "delete", &id, "--yes"]);
    assert_eq!(office.good(&["queue", "list"]), "The queue is empty.\n");
    let said = office.good(&["queue", "show", &id]);
    assert!(said.contains("is not in the queue any more") && said.contains("deleted"), "{said}");
    let never = "0".repeat(id.len());
    assert!(office.bad(&["queue", "show", &never], 1).contains("there is no message"));

    let found = office.json(&["history", "--to", "Megan@contoso.com", "--since", "today"]);
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!((&found[0]["id"], &found[0]["outcome"]), (&id.into(), &"deleted".into()));
    let csv = office.good(&["history", "--csv", "--outcome", "deleted", "--device", "postroom"]);
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(office.good(&["history", "--until", "yesterday"]).contains("Nothing was found"));
    assert!(office.bad(&["history", "--since", "soon"], 2).contains("write for example"));
}

#[test]
fn many_messages_are_listed_and_changed_by_what_they_have_in_common() {
    let office = Office::new();
    let _daemon = office.start();
    office.good(&["account", "disable", "out/1"]);
    let ids: Vec<String> = (0..3).map(|_| queued(&office)).collect();
    let said = office.good(&["queue", "list"]);
    assert!(said.contains("<megan@contoso.com>") && said.ends_with("\n3 messages\n"), "{said}");
    let said = office.good(&["queue", "list", "--limit", "2"]);
    assert!(said.ends_with("\n2 of 3 messages shown; for the others: --all\n"), "{said}");
    let count = |words: &[&str]| {
        office.json(&[&["queue", "list"], words].concat()).as_array().map(Vec::len)
    };
    assert_eq!(count(&["--account", "out/1", "--to", "contoso.com"]), Some(3));
    assert_eq!(count(&["--to", "other.example"]), Some(0));
    assert_eq!(count(&["--older-than", "1h"]), Some(0));
    assert_eq!(count(&["--device", "postroom", "--state", "held"]), Some(0));

    office.good(&["queue", "hold", &ids[0]]);
    assert_eq!(count(&["--state", "held"]), Some(1));
    let said = office.bad(&["queue", "hold", "--match", "--state", "waiting"], 1);
    assert!(said.contains("Hold 2 messages") && said.contains("--yes"), "{said}");
    office.good(&["queue", "hold", "--match", "--state", "waiting", "--yes"]);
    assert_eq!(count(&["--state", "held"]), Some(3));
    assert!(office.bad(&["queue", "hold", &ids[0], "--state", "held"], 1).contains("--match"));
    assert!(
        office.good(&["queue", "release", "--match", "--state", "sending"]).contains("No mess")
    );

    let said = office.bad(&["queue", "redirect", &ids[0], "--account", "other"], 1);
    assert!(said.contains("there is no account \"other\""), "{said}");
    office.good(&["queue", "redirect", &ids[0], "--account", "out/1"]);
    let words = ["queue", "delete", "--match", "--waiting-for", "out/1"];
    assert_eq!(office.run(&words).status.code(), Some(2), "only redirect has this option");
    office.good(&["queue", "delete", "--match", "--account", "out/1", "--yes"]);
    assert_eq!(office.good(&["queue", "list"]), "The queue is empty.\n");
    assert_eq!(office.json(&["history", "--outcome", "deleted"]).as_array().map(Vec::len), Some(3));
}

#[test]
fn exported_messages_can_be_imported_with_their_envelopes() {
    let office = Office::new();
    let _daemon = office.start();
    office.good(&["account", "disable", "out/1"]);
    let id = queued(&office);
    let text = office.good(&["queue", "export", &id]);
    let [mbox, folder] = ["all.mbox", "all"].map(|name| office.dir.path().join(name));
    let (mbox, folder) = (mbox.to_str().unwrap(), folder.to_str().unwrap());
    assert!(office.bad(&["queue", "export", "--match"], 1).contains("--mbox"));
    office.good(&["queue", "export", "--match", "--mbox", mbox]);
    office.good(&["queue", "export", "--match", "--dir", folder]);
    office.good(&["queue", "delete", &id, "--yes"]);

    for path in [mbox, folder] {
        assert!(office.good(&["queue", "import", path]).contains("1 message imported"));
    }
    let list = office.json(&["queue", "list"]);
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    let body = |text: &str| text.split_once("\r\nSubject:").unwrap().1.to_owned();
    for entry in list {
        assert_eq!(entry["recipients"][0]["recipient"]["address"], "megan@contoso.com");
        assert_eq!(entry["sender"], "scanner@contoso.com");
        let again = office.good(&["queue", "export", entry["id"].as_str().unwrap()]);
        assert!(!again.contains("X-Postroom-Recipient"), "{again}");
        assert_eq!(body(&again), body(&text));
    }
    let alone = office.dir.path().join("alone.eml");
    fs::write(&alone, text).unwrap();
    let said = office.bad(&["queue", "import", alone.to_str().unwrap()], 1);
    assert!(said.contains("does not begin with X-Postroom-Sender"), "{said}");
}

#[test]
fn a_retry_asks_before_it_shortens_the_half_hour() {
    let office = Office::new();
    let _daemon = office.start();
    let id = queued(&office);
    let said = office.bad(&["queue", "retry", &id], 1);
    assert!(said.contains("30 minutes apart") && said.contains("--yes"), "{said}");
    assert!(office.good(&["queue", "retry", &id, "--yes"]).contains("is due now"));
    office.good(&["queue", "hold", &id, "--reason", "wait for Alex"]);
    let said = office.good(&["queue", "retry", &id, "--yes"]);
    assert!(
        said.contains("held (wait for Alex)")
            && said.contains(&format!("postroom queue release {id}")),
        "{said}"
    );
    assert!(office.json(&["queue", "show", &id])["size"].as_u64().unwrap() > 100);
}

#[test]
fn an_account_is_switched_off_and_on() {
    let office = Office::new();
    let _daemon = office.start();
    let state =
        || office.json(&["account", "list"])[0]["state"]["state"].as_str().unwrap().to_owned();
    office.good(&["account", "disable", "out/1"]);
    assert_eq!(state(), "disabled");
    office.good(&["account", "enable", "out/1"]);
    until("the account to be on", || (state() != "disabled").then_some(()));
    assert!(
        office.bad(&["account", "enable", "other"], 1).contains("there is no account \"other\"")
    );
}

#[test]
fn batches_are_changed_while_the_daemon_runs_and_brought_back() {
    let office = Office::new();
    let mut daemon = office.start();
    let said = office.good(&[
        "account",
        "set",
        "out/1",
        "batch.messages=10",
        "batch.interval=60s",
        "split=always",
    ]);
    assert!(
        said.contains("batch.messages  30           10")
            && said.contains("the most recent change counts"),
        "{said}"
    );
    assert!(
        office
            .bad(&["account", "set", "out/1", "batch.interval=soon"], 1)
            .contains("for example \"30m\"")
    );
    assert!(
        office.bad(&["account", "set", "out/1", "limits.connections=9"], 1).contains("restart")
    );
    assert!(office.bad(&["account", "set", "out/1", "nonsense"], 2).contains("KEY=VALUE"));
    daemon.signal("TERM");
    assert_eq!(daemon.ended(), Some(0));
    let _daemon = office.start();
    assert!(office.log().contains("account setting differs from the file"), "{}", office.log());
    let settings = office.json(&["account", "settings", "out/1"]);
    assert_eq!((&settings[1]["file"], &settings[1]["value"]), (&"0s".into(), &"1m".into()));
    assert!(settings[1]["changed"]["by"].is_string(), "{settings}");
    assert!(office.bad(&["account", "restore-defaults", "out/1"], 1).contains("--yes"));
    let said = office.good(&["account", "restore-defaults", "out/1", "--yes"]);
    assert!(!said.contains("most recent change"), "{said}");
    assert!(
        office.good(&["account", "restore-defaults", "out/1"]).contains("no changed settings"),
        "nobody has to be asked"
    );
}

#[test]
fn the_queue_says_when_a_message_goes_and_why_not_now() {
    let office = Office::new();
    let _daemon = office.start();
    let id = queued(&office);
    office.good(&["account", "disable", "out/1"]);
    assert!(office.good(&["queue", "list"]).contains("account disabled"));
    assert!(office.good(&["queue", "show", &id]).contains("next try  when the account is enabled"));
    office.good(&["account", "enable", "out/1"]);
    // Nobody listens on its port, so it pauses at the first try.
    until("the account to be paused", || {
        let shown = office.json(&["queue", "show", &id]);
        (shown["forecast"]["why"]["reason"] == "paused" && shown["forecast"]["at"].is_u64())
            .then_some(())
    });
    assert!(office.good(&["status"]).contains("no limit"));
}
