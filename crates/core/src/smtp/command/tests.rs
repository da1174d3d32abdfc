use super::*;
use crate::model::BodyKind;

/// What a command is understood as, in one line, and its quirks.
fn check(line: &str, expected: &str) {
    check_bytes(line.as_bytes(), expected);
}

fn check_bytes(line: &[u8], expected: &str) {
    let mut quirks = BTreeSet::new();
    let seen = match parse(line, &mut quirks) {
        Ok(Command::Hello(hello)) => format!("{:?} {}", hello.verb, hello.name),
        Ok(Command::Mail(mail)) => {
            let mut words = vec![format!("<{}>", mail.sender)];
            words.extend(mail.size.map(|size| format!("size {}", size.octets())));
            words.extend(
                (mail.parameters.body == BodyKind::EightBitMime).then(|| "8bit".to_owned()),
            );
            words.extend(mail.parameters.smtputf8.then(|| "utf8".to_owned()));
            words.extend(mail.parameters.ret.map(|ret| format!("{ret:?}")));
            words.extend(mail.parameters.envid);
            words.join(" ")
        }
        Ok(Command::Rcpt(recipient)) => {
            let mut words = vec![format!("<{}>", recipient.address)];
            words.extend(recipient.notify.map(|n| {
                format!(
                    "notify {}{}{}",
                    u8::from(n.success),
                    u8::from(n.failure),
                    u8::from(n.delay)
                )
            }));
            words.extend(recipient.orcpt);
            words.join(" ")
        }
        Ok(Command::Auth { mechanism, initial }) => {
            format!("{mechanism:?} {}", initial.as_ref().map_or("-", |InitialResponse(text)| text))
        }
        Ok(other) => format!("{other:?}"),
        Err(reply) => reply.to_string(),
    };
    let quirks: String = quirks.iter().map(|quirk| format!(" +{quirk:?}")).collect();
    assert_eq!(format!("{seen}{quirks}"), expected, "{}", line.escape_ascii());
}

const BAD_SENDER: &str =
    "501 5.1.7 Bad sender address; set a full address (name@domain) in the device";
const BAD_RECIPIENT: &str = "501 5.1.3 Bad recipient address; write it in full (name@domain)";

#[test]
fn a_well_written_path_has_no_quirk() {
    check("MAIL FROM:<scan@contoso.com>", "<scan@contoso.com>");
    check("mail from:<Scan@Contoso.COM>", "<Scan@contoso.com>");
    check("MAIL FROM:<>", "<>");
    check("MAIL FROM:<o'brien@contoso.com>", "<o'brien@contoso.com>");
    check("MAIL FROM:<\"a b\"@contoso.com>", "<\"a b\"@contoso.com>");
    check("MAIL FROM:<\"a> <b@c\"@contoso.com> SIZE=1", "<\"a> <b@c\"@contoso.com> size 1");
    check("MAIL FROM:<root@[192.168.1.9]>", "<root@[192.168.1.9]>");
    check("MAIL FROM:<a=b@contoso.com>", "<a=b@contoso.com>");
    check("RCPT TO:<postmaster>", "<postmaster>");
    check("RCPT TO:<@relay.example,@other.example:it@contoso.com>", "<it@contoso.com>");
    check(
        "MAIL FROM:<m\u{fc}ller@b\u{fc}cher.example> SMTPUTF8",
        "<m\u{fc}ller@b\u{fc}cher.example> utf8",
    );
}

#[test]
fn an_odd_path_with_one_address_is_understood() {
    for path in [
        "scan@contoso.com",
        " <scan@contoso.com>",
        "  scan@contoso.com  ",
        "\t<scan@contoso.com>",
        "< scan@contoso.com >",
        "<<scan@contoso.com>>",
        "<<scan@contoso.com>",
        "<scan@contoso.com>>",
        "<scan@contoso.com",
        "<Office Printer <scan@contoso.com>>",
        "Office Printer <scan@contoso.com>",
        "\"Printer, Office\" <scan@contoso.com>",
        "<scan@contoso.com (2nd floor (left))>",
        "<'scan@contoso.com'>",
        "'scan@contoso.com'",
        "<mailto:scan@contoso.com>",
        "<scan@contoso.com;>",
        "<scan@contoso.com <scan@contoso.com>>",
        "<Scan@Contoso.com <scan@contoso.com>>",
    ] {
        let expected = if path.contains("Scan") {
            "<Scan@contoso.com> +OddPath"
        } else {
            "<scan@contoso.com> +OddPath"
        };
        check(&format!("MAIL FROM:{path}"), expected);
        check(&format!("RCPT TO:{path}"), expected);
    }
    check("MAIL FROM : <scan@contoso.com>", "<scan@contoso.com> +OddPath");
    check("MAIL FROM <scan@contoso.com> SIZE=12", "<scan@contoso.com> size 12 +OddPath");
    check("MAIL FROM<scan@contoso.com>", "<scan@contoso.com> +OddPath");
    check("MAIL FROM <@relay.example:scan@contoso.com>", "<scan@contoso.com> +OddPath");
    check("RCPT TO scan@contoso.com", "<scan@contoso.com> +OddPath");
    check("MAIL FROMAGE <scan@contoso.com>", BAD_SENDER);
    check("RCPT TO:<scan@contoso.com.>", "<scan@contoso.com> +OddPath");
    check("MAIL FROM:scan@contoso.com SIZE=12", "<scan@contoso.com> size 12 +OddPath");
    check("MAIL FROM: <>", "<> +OddPath");
    check("RCPT TO: postmaster", "<postmaster> +OddPath");
}

#[test]
fn a_path_without_exactly_one_address_is_refused() {
    for path in [
        "",
        "<scanner>",
        "scanner",
        "<a@b.example> <c@d.example",
        "<a@b.example>, <c@d.example>",
        "a@b.example c@d.example",
        "a@b.example,c@d.example",
        "<a@b.example,c>",
        "<a@b.example <c@d.example>>",
        "<a@b.example,c@d.example>",
        "<@contoso.com>",
        "<scan@>",
        "<scan @contoso.com>",
        "<Meeting Room@contoso.com>",
        "<Meeting (2nd floor) Room@contoso.com>",
        "<Meeting(2nd floor)Room@contoso.com>",
        "Office <Meeting Room@contoso.com>",
        "<a@b.example a@b.example>",
        "<\"a\\\"@contoso.com>",
        "<\"a\"b@contoso.com>",
        "<a@b@contoso.com>",
        "<scan\u{7}@contoso.com>",
        "<scan\u{202e}@contoso.com>",
        "(scan@contoso.com)",
    ] {
        check(&format!("MAIL FROM:{path}"), BAD_SENDER);
        check(&format!("RCPT TO:{path}"), BAD_RECIPIENT);
    }
    check("RCPT TO:<>", BAD_RECIPIENT);
    check("MAIL <scan@contoso.com>", BAD_SENDER);
    check("MAIL", BAD_SENDER);
    check_bytes(b"MAIL FROM:<m\xfcller@contoso.com>", BAD_SENDER);
}

#[test]
fn parameters_are_kept_or_ignored() {
    check(
        "MAIL FROM:<a@b.example> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=QQ+2B314",
        "<a@b.example> size 1000 8bit Headers QQ+2B314",
    );
    check("MAIL FROM:<a@b.example> size=1000 body=7bit ret=full", "<a@b.example> size 1000 Full");
    check("MAIL FROM:<a@b.example> AUTH=<>", "<a@b.example>");
    check("MAIL FROM:<a@b.example> SIZE=junk", "<a@b.example> +OddParameter");
    check("MAIL FROM:<a@b.example> SIZE=999999999999999999999999", "<a@b.example> +OddParameter");
    check("MAIL FROM:<a@b.example> SIZE", "<a@b.example> +OddParameter");
    check("MAIL FROM:<a@b.example> XFOO=1 SIZE=7 =", "<a@b.example> size 7 +OddParameter");
    check("MAIL FROM:<a@b.example> BODY=BINARYMIME", "<a@b.example> +OddParameter");
    check("MAIL FROM:<a@b.example> REQUIRETLS", "555 5.5.4 REQUIRETLS is not offered");
    check(
        "RCPT TO:<a@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@c",
        "<a@b.example> notify 101 rfc822;a+2Bb@c",
    );
    check("RCPT TO:<a@b.example> notify=never", "<a@b.example> notify 000");
    check("RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY", "<a@b.example> +OddParameter");
    check("RCPT TO:<a@b.example> NOTIFY=SOMETIMES ORCPT=x400;a X=", "<a@b.example> +OddParameter");
}

#[test]
fn any_greeting_is_taken_and_made_printable() {
    check("EHLO mfp.contoso.lan", "Ehlo mfp.contoso.lan");
    check("helo NPIF65E56", "Helo NPIF65E56");
    check("EHLO [192.168.1.21]", "Ehlo [192.168.1.21]");
    check("EHLO [IPv6:fe80::1]", "Ehlo [IPv6:fe80::1]");
    for (name, printable) in [
        ("", ""),
        ("   ", ""),
        ("scan_er", "scan_er"),
        ("192.168.1.21", "192.168.1.21"),
        ("00:1B:A9:12:34:56", "00:1B:A9:12:34:56"),
        ("mfp.", "mfp."),
        ("-mfp", "-mfp"),
        ("Office Printer", "Office?Printer"),
        ("a(b)c<d>\"e\"\\", "a?b?c?d??e??"),
        ("m\u{fc}ller", "m?ller"),
        ("a\u{1b}[31m", "a?[31m"),
    ] {
        check(&format!("HELO {name}"), format!("Helo {printable} +OddHelo").as_str());
    }
    check(&format!("EHLO {}", "x".repeat(3000)), &format!("Ehlo {} +OddHelo", "x".repeat(255)));
}

#[test]
fn verbs_and_mechanisms_are_known_in_any_case() {
    check("auth login", "Some(Login) -");
    check("AUTH PLAIN  AG1mcDEAc2VjcmV0", "Some(Plain) AG1mcDEAc2VjcmV0");
    check("AUTH\tPLAIN\t=", "Some(Plain) =");
    check("AUTH Cram-Md5 ", "Some(CramMd5) -");
    check("AUTH NTLM TlRMTVNTUAAB", "None TlRMTVNTUAAB");
    check("AUTH XFOO", "None -");
    check("AUTH", "501 5.5.4 Syntax error in the parameters of the command");
    check("quit ", "Quit");
    check("  NOOP x", "Noop");
    check("StartTls", "StartTls");
    check("DATA", "Data");
}

#[test]
fn what_is_no_command_of_ours_is_refused() {
    check("EXPN staff", "502 5.5.1 Command not implemented");
    check("ETRN x", "502 5.5.1 Command not implemented");
    check("", "500 5.5.1 Command not recognized");
    check("Subject: hello", "500 5.5.1 Command not recognized");
    check("DATAX", "500 5.5.1 Command not recognized");
    check_bytes(b"\x16\x03\x01\x02\x00", "500 5.5.1 Command not recognized");
    check("POST / HTTP/1.1", "Http");
    check("BDAT 10 LAST", "Bdat");
}
