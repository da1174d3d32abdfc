//! What people set while the daemon runs, over the file and the environment.

use postroom::{
    admin::OrderError,
    config::{AccountChanges, Layers, Outdated, Place, RunTime},
    model::Timestamp,
};

use super::*;

const BATCH: &str = "[account.batch]\nmessages = 30\n";

fn file() -> String {
    GOOD.replace("[report]", &format!("{BATCH}[report]"))
}

fn layers(text: &str, run_time: RunTime) -> (Layers, Vec<Outdated>) {
    Layers::new(good(text), run_time).unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO.plus(Duration::from_secs(seconds))
}

fn set(layers: &Layers, values: &[(&str, &str)]) -> Result<Layers, OrderError> {
    let values: Vec<_> =
        values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    layers.set(&"scanner".into(), &values, "anna", at(7))
}

fn in_force(layers: &Layers) -> Vec<String> {
    let rows = layers.settings(&"scanner".into()).unwrap();
    rows.into_iter().map(|row| row.value).collect()
}

#[test]
fn what_a_person_sets_goes_over_the_file() {
    let (file, _) = layers(&file(), RunTime::default());
    let values = [("batch.messages", "10"), ("interval", " 1m 30s"), ("batch.split", "always")];
    let layers = set(&file, &values).unwrap();
    let batch = layers.config().accounts[0].batch;
    assert_eq!(
        (batch.messages, batch.interval, batch.split),
        (10, Duration::from_secs(90), Split::Always)
    );
    let rows = layers.settings(&"scanner".into()).unwrap();
    assert_eq!((rows[0].file.as_str(), rows[0].value.as_str()), ("30", "10"));
    assert_eq!(rows[1].key, "batch.interval");
    let changed = rows[1].changed.as_ref().map(|change| (change.by.as_str(), change.at));
    assert_eq!(changed, Some(("anna", at(7))));
    assert_eq!(in_force(&file), ["30", "0s", "on_failure"], "the layers before are as they were");
}

#[test]
fn it_goes_over_the_environment_too() {
    let environment = [("POSTROOM_ACCOUNT__0__BATCH__MESSAGES", "20")];
    let config = parse(GOOD, &environment).unwrap();
    let (layers, _) = Layers::new(config, RunTime::default()).unwrap();
    let changed = set(&layers, &[("messages", "10")]).unwrap();
    let row = changed.settings(&"scanner".into()).unwrap().remove(0);
    assert_eq!((row.file.as_str(), row.value.as_str()), ("20", "10"));
    assert_eq!(changed.config().accounts[0].batch.messages, 10);
}

#[test]
fn a_value_as_in_the_file_takes_the_change_back_and_so_does_restoring() {
    let (file, _) = layers(&file(), RunTime::default());
    let changed = set(&file, &[("messages", "10"), ("split", "never")]).unwrap();
    let changed = set(&changed, &[("messages", "30")]).unwrap();
    let rows = changed.settings(&"scanner".into()).unwrap();
    assert_eq!(
        rows.iter().map(|row| row.changed.is_some()).collect::<Vec<_>>(),
        [false, false, true]
    );
    let restored = changed.restored(&"scanner".into()).unwrap();
    assert!(restored.run_time().of(&"scanner".into()).is_empty());
    assert_eq!(in_force(&restored), ["30", "0s", "on_failure"]);
}

#[test]
fn one_bad_value_changes_nothing_and_is_refused_with_what_to_write() {
    let (file, _) = layers(&file(), RunTime::default());
    for (key, text, words) in [
        ("batch.messages", "0", "whole number from 1"),
        ("batch.interval", "soon", "for example \"30m\""),
        ("batch.interval", "2days", "longer than a day"),
        ("split", "sometimes", "\"never\", \"always\", \"on_failure\""),
        ("limits.connections", "9", "batch.messages, batch.interval, batch.split can"),
    ] {
        let refused = set(&file, &[("messages", "7"), (key, text)]).map(|_| ()).unwrap_err();
        let refused = refused.to_string();
        let name = key.trim_start_matches("batch.");
        assert!(refused.contains(words) && refused.contains(name), "{refused}");
    }
    let nobody = file.set(&"nobody".into(), &[], "anna", at(0)).map(|_| ()).unwrap_err();
    assert!(matches!(nobody, OrderError::NoSuchAccount(_)));
}

#[test]
fn a_file_that_was_edited_since_has_the_last_word() {
    let (before, _) = layers(&file(), RunTime::default());
    let changed = set(&before, &[("messages", "10"), ("split", "never")]).unwrap();
    let edited = file().replace("messages = 30", "messages = 20");
    let (after, outdated) = layers(&edited, changed.run_time().clone());
    assert_eq!(in_force(&after), ["20", "0s", "never"]);
    assert_eq!(
        outdated,
        [Outdated {
            account: "scanner".into(),
            key: "batch.messages".into(),
            value: "10".into(),
            file: "20".into(),
        }]
    );
    let (back, outdated) = layers(&file(), after.run_time().clone());
    assert_eq!((in_force(&back)[0].as_str(), outdated), ("30", vec![]), "what is dropped stays so");
}

/// As the index of an earlier version has it.
fn remembered(json: &str) -> RunTime {
    let mut run_time = RunTime::default();
    run_time.recall("scanner".into(), serde_json::from_str::<AccountChanges>(json).unwrap());
    run_time
}

#[test]
fn what_an_earlier_version_has_kept_still_applies() {
    let kept = r#"{"interval":{"value":"1m","file":"0s","at":7000,"by":"bert"}}"#;
    let (layers, outdated) = layers(&file(), remembered(kept));
    assert_eq!(
        (in_force(&layers), outdated),
        (["30", "1m", "on_failure"].map(str::to_owned).into(), vec![])
    );
    let written = serde_json::to_string(&layers.run_time().of(&"scanner".into())).unwrap();
    assert_eq!(written, kept);
}

#[test]
fn a_wrong_value_that_was_kept_does_not_apply_and_the_warning_says_how_to_drop_it() {
    let kept = r#"{"messages":{"value":"0","file":"30","at":7000,"by":"bert"},
        "split":{"value":"never","file":"on_failure","at":7000,"by":"bert"}}"#;
    let (layers, _) = layers(&file(), remembered(kept));
    assert_eq!(in_force(&layers), ["30", "0s", "never"]);
    let [warning] = layers.config().warnings.as_slice() else { panic!("not one warning") };
    assert_eq!(warning.severity, Severity::Warning);
    assert!(matches!(&warning.place, Place::RunTime { key, .. } if key == "batch.messages"));
    let said = warning.to_string();
    for words in [
        "batch.messages of account \"scanner\"",
        "set by bert",
        "postroom account restore-defaults scanner",
        "whole number from 1",
        "the value in the file is in force",
    ] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    let changed = set(&layers, &[("interval", "5s")]).unwrap();
    assert_eq!(in_force(&changed), ["30", "5s", "never"], "others can be set all the same");
}
