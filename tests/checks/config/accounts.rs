//! Accounts: presets, limits, senders and recipients, footers.

use postroom::{model::ByteSize, upstream::Security};

use super::{GOOD, good, refused, warned, with};

/// [`GOOD`] with `keys` in its account for Exchange Online.
fn with_exchange_online(keys: &str) -> String {
    with("preset = \"office365\"", &format!("preset = \"office365\"\n{keys}"))
}

#[test]
fn exchange_online_is_used_as_it_can_be() {
    let account = with_exchange_online;
    refused(
        &account("host = \"smtp.office365.com.\"\nport = 465"),
        "account[0].port",
        "port 465 does not answer; write 587",
    );
    refused(&account("port = 465"), "account[0].port", "port 465 does not answer; write 587");
    refused(&account("tls = \"implicit\""), "account[0].tls", "requires \"starttls\"");
    assert_eq!(good(&account("port = 25")).accounts.first().unwrap().route.smtp().port, 25);
    let password = with("method = \"xoauth2\", token_file", "method = \"login\", password_file");
    warned(&password, "account[0].auth.method", "end of December 2026");
    warned(
        &account("limits = { messages_per_minute = 60 }"),
        "account[0].limits.messages_per_minute",
        "above what office365 allows",
    );
    warned(
        &account("limits = { recipients_per_day = \"none\" }"),
        "account[0].limits.recipients_per_day",
        "above what office365 allows",
    );
    warned(
        &account("limits = { connections = 4 }"),
        "account[0].limits.connections",
        "above what office365 permits at once (3; Microsoft",
    );
}

#[test]
fn the_limits_of_exchange_online_are_known() {
    let account = with_exchange_online;
    let limit = |limit: &str, key: &str, says: &str| {
        warned(
            &account(&format!("limits = {{ {limit} }}")),
            &format!("account[0].limits.{key}"),
            says,
        );
    };
    limit(
        "messages_per_minute = 31",
        "messages_per_minute",
        "(30; Microsoft, \"Exchange Online limits\")",
    );
    limit(
        "recipients_per_message = 501",
        "recipients_per_message",
        "(500; Microsoft, \"Exchange Online limits\"), unless",
    );
    limit(
        "message_size = \"36MB\"",
        "message_size",
        "(35MB; Microsoft, \"Exchange Online limits\"), unless an administrator has raised the \
        mailbox's MaxSendSize",
    );
    limit("message_size = \"none\"", "message_size", "is above what office365 accepts");
    let size = |text: &str| good(text).accounts.first().unwrap().limits.message_size;
    assert_eq!(size(GOOD), Some(ByteSize::from_mebibytes(35)));
    assert_eq!(size(&account("limits = { message_size = \"none\" }")), None);
    refused(
        &account("limits = { message_size = \"big\" }"),
        "account[0].limits.message_size",
        "write a number and a unit",
    );
    let small = account("limits = { message_size = \"10MB\" }");
    assert_eq!(good(&small).devices.first().unwrap().max_message, ByteSize::from_mebibytes(10));
    let said = small.replacen(
        "networks = [\"192.168.10.0/24\"]",
        "networks = [\"192.168.10.0/24\"]\nmax_message = \"20MB\"",
        1,
    );
    warned(
        &said,
        "device[0].max_message",
        "a larger message is accepted from the device and then \
    fails",
    );
    assert_eq!(
        good(&account("limits = { connections = 1 }")).accounts.first().unwrap().limits.connections,
        1
    );
}

#[test]
fn an_account_may_be_for_senders_and_recipients() {
    let text = with(
        "preset =",
        "for_senders = [\"*@sales.contoso.com\"]\nfor_recipients = [\"*@contoso.com\", \
        \"a@b.org\"]\npreset =",
    );
    let account = good(&text).accounts.remove(0);
    assert_eq!((account.for_senders.len(), account.for_recipients.len()), (1, 2));
    let account = good(GOOD).accounts.remove(0);
    assert!(
        account.for_senders.is_empty() && account.for_recipients.is_empty(),
        "absent patterns are none, not all"
    );
    refused(
        &with("preset =", "for_recipients = [\"contoso.com\"]\npreset ="),
        "account[0].for_recipients",
        "*@contoso.com",
    );
}

/// The good config and a second account.
fn second(keys: &str) -> String {
    with("[report]", &format!("[[account]]\nname = \"second\"\n{keys}\n[report]"))
}

#[test]
fn a_mailbox_in_two_accounts_has_its_limits_once() {
    let same = |limits: &str| {
        second(&format!(
            "preset = \"office365\"\naddress = \"Scanner@contoso.com\"\nauth = {{ token_file = \
            \"/run/postroom/token\" }}\n{limits}"
        ))
    };
    refused(
        &same(""),
        "account[1].auth",
        "and so does account[0]: the server applies its limits to the mailbox, but together the \
        accounts may use 60 messages a minute of its 30",
    );
    refused(
        &same("limits = { messages_per_minute = \"none\" }").replace("none", "1"),
        "account[1].auth",
        "31 messages a minute of its 30",
    );
    let shared = |limits: &str| {
        same(limits).replace(
            "[[account]]\nname = \"second\"",
            &format!("{limits}\n[[account]]\nname = \"second\""),
        )
    };
    assert_eq!(
        good(&shared(
            "limits = { messages_per_minute = 15, recipients_per_day = 5000, connections = 1 }"
        ))
        .warnings,
        []
    );
    refused(
        &shared(
            "limits = { messages_per_minute = 15, recipients_per_day = 5000, connections = 2 }",
        ),
        "account[1].auth",
        "4 connections of its 3",
    );
    let other = same("").replace("Scanner@", "other@");
    assert_eq!(good(&other).warnings, []);
    let elsewhere = same("").replace(
        "name = \"second\"\npreset = \"office365\"",
        "name = \"second\"\npreset = \"gmail\"",
    );
    assert_eq!(good(&elsewhere).warnings, [], "another service has another mailbox of that name");
    let by_another_name = same("host = \"pod51024.outlook.com\"");
    refused(&by_another_name, "account[1].auth", "60 messages a minute of its 30");
}

#[test]
fn a_pattern_that_an_earlier_account_takes_is_pointed_out() {
    let two = |first: &str, later: &str| {
        let keys = format!("route = \"smarthost\"\nhost = \"mx.contoso.lan\"\n{later}");
        second(&keys).replacen("preset = ", &format!("{first}\npreset = "), 1)
    };
    let senders = |first: &str, later: &str| {
        two(&format!("for_senders = [\"{first}\"]"), &format!("for_senders = [\"{later}\"]"))
    };
    warned(
        &senders("*@contoso.com", "*@Contoso.com"),
        "account[1].for_senders",
        "account[0].for_senders has",
    );
    warned(
        &senders("*@contoso.com", "erp@contoso.com"),
        "account[1].for_senders",
        "\"erp@contoso.com\" never applies here",
    );
    let recipients = two("for_recipients = [\"*\"]", "for_recipients = [\"*@contoso.com\"]");
    warned(&recipients, "account[1].for_recipients", "account[0].for_recipients has \"*\"");
    assert_eq!(good(&senders("erp@contoso.com", "*@contoso.com")).warnings, []);
    assert_eq!(
        good(&two("for_senders = [\"*@contoso.com\"]", "for_recipients = [\"*@contoso.com\"]"))
            .warnings,
        []
    );
}

#[test]
fn presets_know_the_usual_services() {
    let check = |preset: &str, host: &str, port: u16, recipients_per_message: usize| {
        let config = good(&with("preset = \"office365\"", &format!("preset = \"{preset}\"")));
        let account = config.accounts.first().unwrap();
        let seen = (
            account.route.server().unwrap().host.as_str(),
            account.route.smtp().port,
            account.limits.recipients_per_message,
        );
        assert_eq!(seen, (host, port, recipients_per_message), "{preset}");
        assert_eq!(account.route.smtp().security, Security::StartTls, "{preset}");
    };
    check("office365", "smtp.office365.com", 587, 500);
    check("office365-gcc-high", "smtp.office365.us", 587, 500);
    check("office365-dod", "outlook-dod.office365.us", 587, 500);
    check("office365-china", "smtp.partner.outlook.cn", 587, 500);
    check("hve", "smtp.hve.mx.microsoft", 587, 50);
    check("azure-communication-services", "smtp.azurecomm.net", 587, 50);
    check("gmail", "smtp.gmail.com", 587, 100);
    assert_eq!(good(&with("route = \"submission\"\n", "")).warnings, []);
    refused(
        &with("preset = \"office365\"\n", ""),
        "account[0].host",
        "write the server's name, or a `preset`",
    );
}

#[test]
fn senders_that_would_be_refused_are_pointed_out() {
    let sender = |sender: &str| with("preset =", &format!("sender = {{ {sender} }}\npreset ="));
    warned(
        &sender("allowed = [\"*@fabrikam.com\"]"),
        "account[0].sender.allowed",
        "does not contain the account's own address",
    );
    let from = |rewrite: &str| {
        let text = sender(&format!("rewrite = \"{rewrite}\""));
        text.replace("[[user]]", "[device.from]\naddress = \"copier@contoso.com\"\n[[user]]")
    };
    warned(&from("never"), "device[0].from.address", "the server will probably refuse it");
    warned(
        &from("when_not_allowed"),
        "device[0].from.address",
        "replace it with the account's address",
    );
    assert_eq!(good(&from("always")).warnings, []);
}

#[test]
fn a_footer_is_understood_before_any_message_needs_it() {
    let footer = |keys: &str| {
        format!("{GOOD}[account.footer]\n{keys}\n")
            .replace("[report]\nadministrator = \"it@contoso.com\"\n", "")
    };
    let footer = |keys: &str| footer(keys) + "[report]\nadministrator = \"it@contoso.com\"\n";
    assert!(good(&footer("text = \"Scanned by {device}\"")).accounts[0].footer.is_some());
    assert!(good(&footer("text_file = \"/etc/postroom/footer.txt\"")).accounts[0].footer.is_some());
    assert!(good(GOOD).accounts[0].footer.is_none(), "off unless it is asked for");
    refused(&footer("text = \"by {devise}\""), "account[0].footer.text", "did you mean {device}?");
    refused(
        &footer("text = \"by {printer}\""),
        "account[0].footer.text",
        "the known ones are {device}, {sender}",
    );
    refused(
        &footer("html_file = \"/etc/postroom/footer.html\""),
        "account[0].footer.text",
        "is missing",
    );
    refused(
        &footer("text = \"x\"\ntext_file = \"/etc/x\""),
        "account[0].footer.text_file",
        "write only one of them",
    );
    refused(&footer("text_file = \"/absent\""), "account[0].footer.text_file", "cannot be read");
    refused(
        &footer("text = \"x\"\nimage = \"/etc/logo.svg\""),
        "account[0].footer.image",
        "not a PNG, JPEG or GIF",
    );
    warned(
        &footer(&format!("text = \"{}\"", "x".repeat(1025))),
        "account[0].footer.text",
        "more than 1024 characters",
    );
}
