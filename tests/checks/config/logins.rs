//! Logins, their secrets, and the files that hold them.

use postroom::{device::PasswordSource, upstream::AuthMethod};

use super::{Disk, GOOD, HASHES, SMARTHOST, good, parse_on, refused, warned, with};

#[test]
fn a_login_that_the_service_does_not_offer_is_refused_with_those_it_does() {
    let method = |method: &str, preset: &str| {
        let password = format!("method = \"{method}\", password_file");
        with("method = \"xoauth2\", token_file", &password)
            .replace("\"office365\"", &format!("\"{preset}\""))
    };
    for word in ["cram-md5", "plain"] {
        refused(
            &method(word, "office365"),
            "account[0].auth.method",
            &format!("\"{word}\" is not offered by office365"),
        );
        refused(&method(word, "hve"), "account[0].auth.method", "it offers \"login\", \"xoauth2\"");
    }
    refused(
        &method("cram-md5", "gmail"),
        "account[0].auth.method",
        "it offers \"login\", \"plain\", \"xoauth2\"",
    );
    assert_eq!(good(&method("plain", "gmail")).warnings, []);
    assert_eq!(good(&method("login", "hve")).warnings, []);
}

#[test]
fn a_login_has_one_secret_that_fits_its_method() {
    let auth = |auth: &str| {
        with(
            "auth = { method = \"xoauth2\", token_file = \"/run/postroom/token\" }",
            &format!("auth = {{ {auth} }}"),
        )
    };
    let method = |text: &str| good(text).accounts.first().unwrap().route.auth().unwrap().method;
    assert_eq!(method(&auth("token_file = \"/t\"")), AuthMethod::Xoauth2);
    assert_eq!(method(&auth("password_file = \"/p\"")), AuthMethod::Login);
    let gmail = auth("password_file = \"/p\"").replace("office365", "gmail");
    assert_eq!(method(&gmail), AuthMethod::Plain);
    refused(
        &auth("password_file = \"/p\", token_file = \"/t\""),
        "account[0].auth.token_file",
        "write only one of them",
    );
    refused(
        &auth("method = \"xoauth2\", password_file = \"/p\""),
        "account[0].auth.token_file",
        "is missing",
    );
    refused(
        &auth("method = \"ntlm\", password_file = \"/p\""),
        "account[0].auth.method",
        "none of \"login\"",
    );
    // A secret that is not there yet stops the account, not the daemon.
    warned(
        &auth("token_file = \"/run/absent\""),
        "account[0].auth.token_file",
        "the account does not send until it is readable",
    );
}

#[test]
fn an_azure_login_has_three_parts() {
    let azure = |user: &str| {
        with("preset = \"office365\"", "preset = \"azure-communication-services\"").replace(
            "method = \"xoauth2\", token_file = \"/run/postroom/token\"",
            &format!("{user}password_file = \"/p\""),
        )
    };
    warned(&azure(""), "account[0].auth.user", "resource|application ID|tenant ID");
    refused(&azure("user = \"mail|1111\", "), "account[0].auth.user", "two \"|\"");
    assert_eq!(good(&azure("user = \"mail|1111|2222\", ")).warnings, []);
    warned(
        &azure("user = \"contoso-mail\", "),
        "account[0].auth.user",
        "does not have the three \
    parts",
    );
    assert_eq!(good(&azure("user = \"scanner@contoso.com\", ")).warnings, []);
}

#[test]
fn password_files_are_for_the_daemon_alone() {
    let open = parse_on(GOOD, &[], &Disk { content: "geheim\n", mode: 0o644 })
        .unwrap_or_else(|problems| panic!("{problems:#?}"));
    let keys: Vec<&str> = open.warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(keys, ["user[0].password_file", "account[0].auth.token_file"]);
    assert!(open.warnings.iter().all(|warning| warning.text.contains("chmod 600")));
    let refused_content = |content: &'static str, says: &str| {
        let problems = parse_on(GOOD, &[], &Disk { content, mode: 0o600 }).map(|_| ()).unwrap_err();
        assert!(
            problems.iter().any(
                |problem| problem.key == "user[0].password_file" && problem.text.contains(says)
            ),
            "{problems:#?}"
        );
    };
    refused_content("", "is empty");
    refused_content("a\nb\n", "several lines");
    refused_content("$argon2id$rubbish\n", "is not one");
    refused(
        &with("/etc/postroom/erp.pass", "/etc/postroom/absent"),
        "user[0].password_file",
        "cannot be read",
    );
}

#[test]
fn a_hash_is_taken_for_a_hash() {
    let config = parse_on(GOOD, &[], &HASHES).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let password = &config.users.first().unwrap().password;
    let hash = HASHES.content.trim_end();
    assert!(matches!(password, PasswordSource::Argon2(text) if text == hash));
}

#[test]
fn the_end_of_a_client_secret_is_a_date() {
    let secret = |more: &str| {
        let auth = "auth = { method = \"xoauth2\", token_file = \"/run/postroom/token\" }";
        with(auth, &format!("auth = {{ tenant = \"t\", client_id = \"c\", {more} }}"))
    };
    good(&secret("client_secret_file = \"/etc/s\", client_secret_expires = \"2027-05-01\""));
    let key = "account[0].auth.client_secret_expires";
    refused(
        &secret("client_secret_file = \"/etc/s\", client_secret_expires = \"May 2027\""),
        key,
        "is not a date",
    );
    refused(&secret("client_secret_expires = \"2027-05-01\""), key, "needs client_secret_file");
}

#[test]
fn a_scope_fits_whoever_asks_for_the_token() {
    let auth = |keys: &str| {
        let old = "auth = { method = \"xoauth2\", token_file = \"/run/postroom/token\" }";
        with(old, &format!("auth = {{ tenant = \"t\", client_id = \"c\", {keys} }}"))
    };
    let (key, application) = ("account[0].auth.scope", "client_secret_file = \"/etc/s\", ");
    let scope = |scope: &str| format!("scope = \"{scope}\"");
    warned(
        &auth(&format!("{application}{}", scope("https://outlook.office.com/SMTP.Send"))),
        key,
        "must end in \"/.default\"",
    );
    assert_eq!(
        good(&auth(&format!("{application}{}", scope("https://outlook.office365.com/.default"))))
            .warnings,
        []
    );
    warned(
        &auth(&scope("https://outlook.office365.com/.default")),
        key,
        "without it, a sign-in is valid for only an hour",
    );
    assert_eq!(
        good(&auth(&scope("https://outlook.office.com/SMTP.Send offline_access"))).warnings,
        []
    );
    let other = "token_url = \"https://login.example.com/token\", ";
    assert_eq!(
        good(
            &auth(&format!("{other}{application}{}", scope("mail")))
                .replace("tenant = \"t\", ", "")
        )
        .warnings,
        []
    );
}

#[test]
fn a_server_without_a_login_has_no_auth() {
    let lan = format!("{SMARTHOST}auth = {{ method = \"none\" }}\n[report]");
    refused(&with("[report]", &lan), "account[1].auth.method", "remove `auth`");
}
