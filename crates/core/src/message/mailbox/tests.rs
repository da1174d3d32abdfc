//! Lists as they are, as they should be, and as devices write them.

use proptest::prelude::*;

use super::*;
use crate::message::encoded_word::decoded;

fn addresses(value: &str) -> String {
    let list = read_list(value);
    list.iter().map(|mailbox| mailbox.address.to_string()).collect::<Vec<_>>().join(" ")
}

/// A list that is right: nothing is done to it, and its addresses are known.
#[track_caller]
fn right(value: &str, expected: &str) {
    assert_eq!(mended_list(value), None, "{value}");
    assert_eq!(addresses(value), expected, "{value}");
}

/// A list that is wrong, and what it becomes.
#[track_caller]
fn wrong(value: &str, expected: &str) {
    let mended = mended_list(value);
    assert_eq!(mended.as_deref(), Some(expected), "{value}");
    assert_eq!(mended_list(&expected.replace("\r\n", "")), None, "{expected} is still malformed");
}

#[test]
fn the_examples_of_the_standard_are_right() {
    // RFC 5322 A.1.2, A.1.3, A.5, A.6.1, A.6.3.
    right("\"Joe Q. Public\" <john.q.public@example.com>", "john.q.public@example.com");
    right(
        "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
        "mary@x.test jdoe@example.org one@y.test",
    );
    right(
        "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
        "boss@nil.test sysservices@example.net",
    );
    right(
        "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
        "c@a.test joe@where.test jdoe@one.test",
    );
    right("Undisclosed recipients:;", "");
    right("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "pete@silly.test");
    right(
        "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n         \
         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)",
        "c@public.example joe@example.org jdoe@one.test",
    );
    right("(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", "");
    right("Joe Q. Public <john.q.public@example.com>", "john.q.public@example.com");
    right(
        "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
        "mary@example.net jdoe@test.example",
    );
    right("John Doe <jdoe@machine(comment).  example>", "jdoe@machine.example");
}

#[test]
fn what_is_valid_is_left_alone() {
    right("a@b.c (John Doe)", "a@b.c");
    right("\"Dragosh M.\" <a@b.c>", "a@b.c");
    right("=?utf-8?q?M=C3=BCller=2C_Jan_[IT]?= <a@b.c>", "a@b.c");
    right("=?utf-8?q?J=C3=BCrgen?= Meier, unten <a@b.c>".replace(", ", " ").as_str(), "a@b.c");
    right("\"a@x.y, b\" <a@x.y>, b@x.y", "a@x.y b@x.y");
    right("Scan <bü@contoso.com>", "bü@contoso.com");
    right("a@[192.0.2.1]", "a@[192.0.2.1]");
    right("\"a b\"@contoso.com", "\"a b\"@contoso.com");
}

#[test]
fn a_single_mailbox_is_told_from_all_else() {
    for one in ["a@b.c", "Scanner <a@b.c>", "\"A, B\" <a@b.c>", "<a@b.c>", "a@b.c (x)"] {
        assert!(is_one_mailbox(one), "{one}");
    }
    for other in [
        "a@b.c <a@b.c>",
        "A, B <a@b.c>",
        "a@b, c@d",
        "scanner",
        "<a@b",
        "Scan <a@b.c.>",
        "a@b.c.",
        "",
        "x:;",
        "A [B] <a@b.c>",
    ] {
        assert!(!is_one_mailbox(other), "{other}");
    }
}

#[test]
fn what_devices_write_becomes_what_they_mean() {
    // Microsoft names the unquoted "@" in the display name as a printer's defect that breaks
    // submission.
    wrong("scan@contoso.com <scan@contoso.com>", "\"scan@contoso.com\" <scan@contoso.com>");
    wrong("Copier, 2nd floor <scan@contoso.com>", "\"Copier, 2nd floor\" <scan@contoso.com>");
    wrong("Copier scan@contoso.com", "Copier <scan@contoso.com>");
    wrong("scan@contoso.com Copier", "Copier <scan@contoso.com>");
    wrong("<<scan@contoso.com>>", "scan@contoso.com");
    wrong("<'scan@contoso.com'>", "scan@contoso.com");
    wrong("Scan <mailto:scan@contoso.com>", "Scan <scan@contoso.com>");
    wrong("mailto:scan@contoso.com", "scan@contoso.com");
    wrong("Say \"hi\" [x] <scan@contoso.com>", "\"Say \\\"hi\\\" [x]\" <scan@contoso.com>");
    wrong("r@contoso.com.", "r@contoso.com");
    wrong("Copier <r@contoso.com.>", "Copier <r@contoso.com>");
    wrong("a@contoso.com; b@contoso.com", "a@contoso.com, b@contoso.com");
    wrong("a@contoso.com, John b@contoso.com", "a@contoso.com, John <b@contoso.com>");
    wrong("Copier <r@contoso.com", "Copier <r@contoso.com>");
}

#[test]
fn semicolons_part_members_beside_quotes_too_and_groups_stay_groups() {
    wrong(
        "\"Doe, Jane\" <a@x.y>; b@x.y; Carl <c@x.y>",
        "\"Doe, Jane\" <a@x.y>, b@x.y, Carl <c@x.y>",
    );
    wrong("Team: a@x.y; b@x.y", "Team: a@x.y;, b@x.y");
    wrong("undisclosed-recipients:", "undisclosed-recipients:;");
    wrong("undisclosed-recipients: ;; a@x.y", "undisclosed-recipients:;, a@x.y");
}

#[test]
fn mending_a_list_loses_nobody() {
    wrong("Reception, boss@contoso.com", "Reception:;, boss@contoso.com");
    wrong("boss@contoso.com, Reception", "boss@contoso.com, Reception:;");
    wrong("a@b.c d@e.f", "a@b.c, d@e.f");
    wrong("Anna a@b.c Otto d@e.f", "Anna <a@b.c>, Otto <d@e.f>");
    wrong("Anna, Accounting", "\"Anna, Accounting\":;");
    wrong("Anna <a@b.c> Accounting", "\"Anna Accounting\" <a@b.c>".replace('"', "").as_str());
    wrong("Anna <a@b.c> Otto <d@e.f>", "Anna <a@b.c>, Otto <d@e.f>");
    wrong("a@b.c (Anna) d@e.f", "a@b.c, Anna <d@e.f>");
}

#[test]
fn a_field_that_was_encoded_as_a_whole_is_read_and_written_anew() {
    wrong("=?utf-8?Q?Jan_<a@b.c>?=", "Jan <a@b.c>");
    wrong("=?utf-8?B?SsO8cmdlbiA8YUBiLmM+?=, x@y.z", "=?utf-8?B?SsO8cmdlbg==?= <a@b.c>, x@y.z");
    wrong("=?utf-8?Q?a@b.c,?= =?utf-8?Q?_d@e.f?=", "a@b.c, d@e.f");
    assert_eq!(addresses("=?utf-8?Q?Jan_<a@b.c>?="), "a@b.c");
}

#[test]
fn names_beyond_ascii_are_encoded_as_a_whole_and_once() {
    for (value, expected) in [
        ("Büro <a@b.c>, x@y.z", "=?utf-8?B?QsO8cm8=?= <a@b.c>, x@y.z"),
        ("\"Büro, unten\" <a@b.c>", "=?utf-8?B?QsO8cm8sIHVudGVu?= <a@b.c>"),
        ("=?utf-8?q?B=C3=BCro?= für <a@b.c>", "=?utf-8?B?QsO8cm8gZsO8cg==?= <a@b.c>"),
        ("a@b.c (Büro)", "a@b.c (=?utf-8?B?QsO8cm8=?=)"),
        ("bü@b.c", "bü@b.c"),
        ("Bü: Ö <a@b.c>;", "Bü: =?utf-8?B?w5Y=?= <a@b.c>;"),
    ] {
        assert_eq!(encode_names(value), expected);
    }
}

#[test]
fn each_mailbox_is_read_once() {
    assert_eq!(addresses("A <a@x.y>, B <b@x.y>, a@X.Y"), "a@x.y b@x.y");
    assert_eq!(addresses("a@x.y <a@x.y>"), "a@x.y");
    assert_eq!(addresses("<>"), "");
    assert_eq!(addresses(""), "");
}

#[test]
fn a_name_cannot_smuggle_a_field() {
    let mailbox = Mailbox::new(Some("A\r\nBcc: x@y.z"), "a@b.c".parse().unwrap());
    assert!(!mailbox.render().contains('\n'), "{}", mailbox.render());
}

#[test]
fn a_long_name_is_encoded_in_pieces_that_fit() {
    let mailbox = Mailbox::new(Some(&"ä".repeat(60)), "a@b.c".parse().unwrap());
    let rendered = mailbox.render();
    assert!(
        rendered.split("\r\n ").all(|line| line.split(' ').all(|word| word.len() <= 75)),
        "{rendered}"
    );
}

proptest! {
    #[test]
    fn every_address_and_every_name_stays(
        members in proptest::collection::vec(
            ("[A-Z][a-z]{2,6}( [A-Z][a-z]{2,6})?", "[a-z]{2,5}@[a-z]{2,5}\\.test", 0_u8..6), 1..5),
        separator in prop_oneof![Just(", "), Just("; "), Just(","), Just(" ;")],
    ) {
        let list: Vec<String> = members
            .iter()
            .map(|(name, address, form)| match form {
                0 => format!("{name} <{address}>"),
                1 => format!("\"{name}, X\" <{address}>"),
                2 => format!("{name} {address}"),
                3 => format!("{address} ({name})"),
                4 => address.clone(),
                _ => name.clone(),
            })
            .collect();
        let value = list.join(separator);
        let after = mended_list(&value).unwrap_or_else(|| value.clone());
        prop_assert_eq!(mended_list(&after), None, "{} became {}", value, after);
        for (name, address, form) in &members {
            let has = |text: &str| after.contains(text);
            prop_assert!(*form == 5 || has(address), "{} became {}", value, after);
            prop_assert!(*form == 4 || has(name), "{} became {}", value, after);
        }
    }

    #[test]
    fn what_is_mended_is_right_and_ascii_where_it_can_be(
        value in "[a-zA-Z0-9<>@,;:\"()=?. ü\\[\\]\\\\-]{0,60}",
    ) {
        let mended = mended_list(&value).unwrap_or_else(|| value.clone());
        let mended = mended.replace("\r\n", "");
        let encoded = encode_names(&mended).replace("\r\n", "");
        prop_assert_eq!(mended_list(&encoded), mended_list(&mended), "{} {}", mended, encoded);
        prop_assert_eq!(encode_names(&encoded), encoded.clone());
        let _shown = decoded(&encoded);
        for mailbox in read_list(&value) {
            let rendered = mailbox.render().replace("\r\n", "");
            prop_assert!(is_one_mailbox(&rendered), "{}", rendered);
        }
    }
}
