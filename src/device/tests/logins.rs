//! Logins that fail, and whom that locks out.

use std::time::Duration;

use crate::device::{
    Client, Devices, DirectorySettings, PasswordSource, UserSettings, fixture,
    identity::{directory::Directory, login::LoginGuard},
    tests::clients::{PEER, check, plain, restricted},
};

fn fail(client: &Client, user: &str, times: usize) {
    for _ in 0..times {
        assert!(client.log_in(&plain(user, "falsch")).is_err());
    }
}

const WRONG: &str = "535 5.7.8 Authentication credentials invalid";
const TOO_MANY: &str = "454 4.7.0 Too many failed logins; try again later";

fn two_users() -> Devices {
    let users = vec![
        fixture::user("mfp1", "printers", "geheim"),
        fixture::user("erp", "printers", "geheim"),
    ];
    fixture::devices(vec![restricted()], users)
}

#[tokio::test(start_paused = true)]
async fn an_address_that_fails_too_often_waits_whether_the_user_exists_or_not() {
    for user in ["mfp1", "nobody"] {
        let devices = two_users();
        let client = devices.identify(PEER.parse().unwrap());
        fail(&client, user, 10);
        check(client.log_in(&plain(user, "falsch")), WRONG);
        check(client.log_in(&plain("erp", "geheim")), TOO_MANY);
        check(
            devices.identify("192.168.10.10".parse().unwrap()).log_in(&plain("erp", "geheim")),
            "ok",
        );
        tokio::time::advance(Duration::from_secs(31)).await;
        check(client.log_in(&plain("erp", "geheim")), "ok");
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_tried_from_many_addresses_waits_everywhere_but_where_it_logged_in() {
    let devices = two_users();
    let home = devices.identify(PEER.parse().unwrap());
    check(home.log_in(&plain("mfp1", "geheim")), "ok");
    for n in 0..8 {
        fail(&devices.identify(format!("10.0.0.{n}").parse().unwrap()), "mfp1", 4);
    }
    check(
        devices.identify("10.0.0.99".parse().unwrap()).log_in(&plain("mfp1", "geheim")),
        TOO_MANY,
    );
    check(home.log_in(&plain("mfp1", "geheim")), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_program_with_a_wrong_password_does_not_lock_out_another_on_the_same_server() {
    let client = two_users().identify(PEER.parse().unwrap());
    check(client.log_in(&plain("mfp1", "geheim")), "ok");
    fail(&client, "erp", 20);
    check(client.log_in(&plain("mfp1", "geheim")), "ok");
    // Nor may it use that to guess.
    fail(&client, "mfp1", 11);
    check(client.log_in(&plain("mfp1", "geheim")), TOO_MANY);
}

#[test]
fn an_unknown_user_costs_what_a_wrong_password_costs() {
    let hashed = UserSettings {
        password: PasswordSource::Argon2("$argon2id$…".into()),
        ..fixture::user("mfp1", "printers", "")
    };
    let settings = DirectorySettings {
        devices: vec![restricted()],
        users: vec![fixture::user("mfp2", "printers", "geheim"), hashed],
        hostname: "postroom.contoso.lan".into(),
    };
    let directory = Directory::new(&settings, None);
    let peer = PEER.parse().unwrap();
    for user in ["mfp1", "mfp2", "nobody"] {
        // What takes long is the hash, whoever's it is.
        let hashes = std::cell::Cell::new(0);
        let matches = |stored: &PasswordSource| {
            hashes.set(hashes.get() + u32::from(matches!(stored, PasswordSource::Argon2(_))));
            false
        };
        assert!(LoginGuard::new().verify(&directory, peer, user, matches).is_err());
        assert_eq!(hashes.get(), 1, "{user}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stranger_does_not_lock_a_device_out_after_a_restart() {
    let before = two_users();
    let home = |devices: &Devices| devices.identify(PEER.parse().unwrap());
    check(home(&before).log_in(&plain("mfp1", "geheim")), "ok");
    // A later failure of another program at the same address does not matter.
    fail(&home(&before), "erp", 1);
    let kept = before.unkept_sightings();
    let records = kept.into_iter().filter_map(|record| Some((record.name, record.value?)));

    let after = two_users();
    assert_eq!(after.restore_sightings(records.collect()), 0);
    for n in 0..5 {
        fail(&after.identify(format!("10.0.0.{n}").parse().unwrap()), "mfp1", 9);
    }
    check(after.identify("10.0.0.99".parse().unwrap()).log_in(&plain("mfp1", "geheim")), TOO_MANY);
    check(home(&after).log_in(&plain("mfp1", "geheim")), "ok");
}
