//! What to change when a device is refused: lines for the configuration, ready to paste.
//!
//! A pure function of what was seen and of the settings.

use std::net::IpAddr;

use crate::{
    device::{DeviceEncryption, DeviceSettings, RefusalKind, RefusalSighting, Sighting},
    model::{Address, DeviceName, Pattern, TlsVersion},
};

/// The maximum length of a proposed name: the fields of old devices are short, and a user gets the
/// same name.
const LONGEST_NAME: usize = 20;

/// The lines that make a stranger a device of this name, with everything that it was seen to need.
#[must_use]
pub fn admitting(stranger: &Sighting, name: &str) -> String {
    let mut lines = vec![
        "[[device]]".to_owned(),
        format!("name = {}", quoted(name)),
        format!("networks = [\"{}\"]", stranger.peer),
    ];
    // The version that was refused, or that another device's rules permitted.
    let refused = stranger.failed_handshake.as_ref().and_then(|failed| failed.needs);
    let used = stranger.tls.as_ref().map(|tls| tls.version);
    if let Some(version) =
        refused.into_iter().chain(used).filter(|version| !version.is_secure()).min()
    {
        lines.push(format!(
            "oldest_tls = \"{}\"  # the oldest that was seen from there",
            version.as_str()
        ));
    }
    if let Some(entry) =
        stranger.unknown_certificate.as_ref().and_then(|certificate| certificate.entry.as_ref())
    {
        lines.push(format!(
            "# Or by the certificate that it shows, wherever it is: certificates = [{}]",
            quoted(entry)
        ));
    }
    if stranger.mechanism.is_none() && stranger.login.is_none() {
        return lines.join("\n") + "\n";
    }
    let how = stranger
        .mechanism
        .as_deref()
        .map_or_else(String::new, |mechanism| format!(" ({mechanism})"));
    lines.push(format!("auth = \"optional\"  # the device tries to log in{how}"));
    if let Some(user) = stranger.login.as_ref().and_then(|login| login.user.as_deref()) {
        lines.push(format!(
            "# It logs in as {}, which exists: it has the wrong password.",
            quoted(user)
        ));
        return lines.join("\n") + "\n";
    }
    let file = format!("/etc/postroom/{name}.pass");
    lines.push(String::new());
    lines.push(format!("# First: postroom device password --user {name} --output {file}"));
    lines.push("# Then set that user name and password in the device.".to_owned());
    lines.extend([
        "[[user]]".to_owned(),
        format!("name = {}", quoted(name)),
        format!("password_file = {}", quoted(&file)),
    ]);
    lines.push(format!("device = {}", quoted(name)));
    lines.join("\n") + "\n"
}

/// The change that would have prevented a refusal.
#[must_use]
pub fn on_refusal(refusal: &RefusalSighting, device: Option<&DeviceSettings>) -> Option<String> {
    let device = device?;
    let name = &device.name;
    let write = |line: String| format!("In [[device]] \"{name}\" write {line}, and reload");
    let about = |list: &[Pattern]| refusal.about.as_ref().map(|address| with(list, address));
    Some(match refusal.kind {
        RefusalKind::Stranger => format!("It is device \"{name}\" now: let it try again."),
        RefusalKind::LoginRequired => {
            format!(
                "Set user name and password in the device; or {}.",
                lower(&write("auth = \"optional\"".to_owned()))
            )
        }
        RefusalKind::LoginWrong => {
            "Compare the user name and password in the device with those of the [[user]]. To \
            create a new password, run: postroom device password."
                .to_owned()
        }
        RefusalKind::LoginTooMany => {
            "Set the right user name and password in the device, then wait some minutes: failed \
            logins are forgotten over time."
                .to_owned()
        }
        RefusalKind::Sender => {
            format!(
                "Set another sender address in the device; or {}.",
                lower(&write(format!("senders = {}", about(&device.senders)?)))
            )
        }
        RefusalKind::Recipient => {
            format!("{}.", write(format!("recipients = {}", about(&device.recipients)?)))
        }
        RefusalKind::Encryption => {
            format!(
                "Set encryption to STARTTLS or TLS in the device; or {}.",
                lower(&write(encryption(device).to_owned()))
            )
        }
        RefusalKind::Size => too_large(device),
        RefusalKind::Rate => format!(
            "Most devices try again by themselves. If this one does not: {}.",
            lower(&write("a higher messages_per_minute, or none at all".to_owned()))
        ),
        RefusalKind::Connections => {
            format!(
                "{}.",
                write(format!("connections = {} or more", device.connections.saturating_mul(2)))
            )
        }
    })
}

/// The change that would have let a handshake succeed.
#[must_use]
pub fn on_handshake(
    needs: Option<TlsVersion>,
    reason: &str,
    device: Option<&DeviceSettings>,
) -> Option<String> {
    if let (Some(version), Some(device)) = (needs, device) {
        let (name, version) = (&device.name, version.as_str());
        return Some(format!(
            "In [[device]] \"{name}\" write oldest_tls = \"{version}\", and reload. It protects \
            nothing on the way; newer firmware may support a newer version."
        ));
    }
    let lower = reason.to_lowercase();
    let distrust =
        ["certificate", "unknownca", "unknown ca"].iter().any(|word| lower.contains(word));
    distrust.then(|| {
        "The device does not trust our certificate: import data_dir/tls/server.pem into it, or \
        switch the check off there (docs/tls.md)."
            .to_owned()
    })
}

/// The change that may help with the trouble of a session.
#[must_use]
pub fn on_trouble(trouble: &str, device: Option<&DeviceSettings>) -> Option<String> {
    let says = |words: &str| trouble.contains(words);
    let fixed = if says("use TLS 1.2 or newer first") {
        "Switch on SSL/TLS for POP in the device; or write encryption = \"optional\" in its \
        [[device]], and reload."
    } else if says("Authentication is not offered") {
        "Switch authentication off in the device; or give it a [[user]], and write auth = \
        \"optional\" in its [[device]]."
    } else if says("Log in over TLS") {
        "Switch on STARTTLS or SSL/TLS in the device; or write encryption = \"optional\" in its \
        [[device]], and reload."
    } else if says("mechanism not offered") {
        "Let the device choose the mechanism (\"automatic\"); see mechanisms of its [[device]], \
        and keep its password in clear for CRAM-MD5 and DIGEST-MD5."
    } else if says("no TLS on this port") {
        "Switch SSL/TLS off in the device, or let it use a port whose [[listener]] has tls = \
        \"auto\" or \"implicit\"; or write tls = \"auto\" for this one."
    } else if says("TLS is not offered") {
        "Switch STARTTLS off in the device; or give it a [[listener]] with tls = \"starttls\" or \
        \"auto\"."
    } else if says("left after \"334") {
        "It gave up while logging in: try another mechanism, in the device or by mechanisms of its \
        [[device]]."
    } else if says("which does not end a message") {
        "The device ends its lines with LF instead of CR LF. Look for newer firmware; or write \
        end_of_data = \"lone_lf_then_close\" in its [[device]], and reload."
    } else if says("left after \"354") {
        "It stopped in the middle of a message: look at its timeout, its cable, and whether it can \
        send a smaller scan."
    } else if says("The header of the message is larger") {
        "Send to fewer recipients at once. If they are few, its firmware writes no empty line \
        after the header: look for a newer one."
    } else if says("4.5.3") {
        "Send to fewer recipients at once; or raise max_recipients of its [[device]], and reload."
    } else if says("4.3.1") {
        "The disk of this machine is nearly full: see spool.min_free."
    } else if says("5.3.4") {
        return device.map(too_large);
    } else {
        return None;
    };
    Some(fixed.to_owned())
}

/// The setting that its TLS does not satisfy.
fn encryption(device: &DeviceSettings) -> &'static str {
    match device.encryption {
        DeviceEncryption::Required => "encryption = \"optional\"",
        DeviceEncryption::Optional => "the version that the refusal names as oldest_tls",
    }
}

fn too_large(device: &DeviceSettings) -> String {
    let (name, now) = (&device.name, device.max_message);
    format!(
        "Lower the resolution in the device or split the document; or raise max_message (now \
        {now}) of [[device]] \"{name}\" if the account accepts more, and reload."
    )
}

/// A list in TOML: the present entries and one more.
fn with(list: &[Pattern], address: &Address) -> String {
    let mut all: Vec<String> = list.iter().map(|pattern| quoted(pattern.as_str())).collect();
    all.push(quoted(&address.as_str().to_lowercase()));
    format!("[{}]", all.join(", "))
}

fn lower(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters
        .next()
        .map(|first| first.to_lowercase().chain(characters).collect())
        .unwrap_or_default()
}

/// A name for a stranger: the name that it gives itself, or else its address. `taken` are the names
/// in use.
#[must_use]
pub fn proposed_name(stranger: &Sighting, taken: &[DeviceName]) -> String {
    let host = stranger.helo.as_deref().unwrap_or_default().split('.').next().unwrap_or_default();
    let plain = host.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let named =
        plain && host.chars().any(|c| c.is_ascii_alphabetic()) && host.len() <= LONGEST_NAME;
    let is_free = |name: &str| {
        name != "postroom"
            && name != "localhost"
            && !taken.iter().any(|known| known.as_str() == name)
    };
    if named && is_free(host) {
        return host.to_owned();
    }
    let address = match stranger.peer {
        IpAddr::V4(address) => address.to_string().replace('.', "-"),
        IpAddr::V6(address) => address.to_string().replace(':', "-"),
    };
    // An IPv4 address has at most 15 characters. The end of an IPv6 address tells devices apart.
    let end = address
        .get(address.len().saturating_sub(LONGEST_NAME - PREFIX.len())..)
        .unwrap_or(&address)
        .trim_start_matches('-');
    format!("{PREFIX}{end}")
}

/// Before an address that stands in for a name.
const PREFIX: &str = "dev-";

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        device::{CertificateSighting, HandshakeSighting, LoginOutcome, LoginSighting, fixture},
        model::{EnhancedCode, Reply, Timestamp},
    };

    fn stranger(change: impl FnOnce(&mut Sighting)) -> Sighting {
        let mut sighting = Sighting::new("192.168.7.9".parse().unwrap(), Timestamp::ZERO);
        change(&mut sighting);
        sighting
    }

    fn proposed(stranger: &Sighting, taken: &[DeviceName]) -> String {
        admitting(stranger, &proposed_name(stranger, taken))
    }

    #[test]
    fn a_plain_stranger_needs_its_address_and_nothing_else() {
        let seen = stranger(|seen| seen.helo = Some("NPIF65E56.contoso.lan".into()));
        assert_eq!(
            proposed(&seen, &[]),
            "[[device]]\nname = \"NPIF65E56\"\nnetworks = [\"192.168.7.9\"]\n"
        );
    }

    #[test]
    fn a_stranger_that_shows_a_certificate_may_be_known_by_it() {
        let certificate = CertificateSighting {
            at: Timestamp::ZERO,
            names: vec!["mfp7.contoso.lan".to_owned()],
            entry: Some("sha256:07".to_owned()),
            reason: "it has expired".to_owned(),
        };
        let seen = stranger(|seen| seen.unknown_certificate = Some(certificate));
        assert!(
            proposed(&seen, &[]).ends_with("certificates = [\"sha256:07\"]\n"),
            "{}",
            proposed(&seen, &[])
        );
    }

    #[test]
    fn a_name_that_is_none_or_taken_is_made_from_the_address() {
        for helo in [
            "",
            "192.168.7.9",
            "[192.168.7.9]",
            "a b",
            "postroom",
            "printers",
            "?????",
            "x".repeat(21).as_str(),
        ] {
            let seen = stranger(|seen| seen.helo = Some(helo.to_owned()));
            assert!(
                proposed(&seen, &["printers".into()]).contains("name = \"dev-192-168-7-9\"\n"),
                "{helo}"
            );
        }
    }

    #[test]
    fn an_old_stranger_that_logs_in_is_given_what_it_needs() {
        let seen = stranger(|seen| {
            seen.helo = Some("mfp7".into());
            seen.failed_handshake = Some(HandshakeSighting {
                at: Timestamp::ZERO,
                reason: String::new(),
                needs: Some(TlsVersion::Ssl3),
            });
            seen.mechanism = Some("CRAM-MD5".into());
        });
        let lines = proposed(&seen, &[]);
        let tables: toml_edit::DocumentMut = lines.parse().unwrap();
        assert_eq!(tables["device"][0]["oldest_tls"].as_str(), Some("ssl3"));
        assert_eq!(tables["device"][0]["auth"].as_str(), Some("optional"));
        assert_eq!(tables["user"][0]["device"].as_str(), Some("mfp7"));
        assert!(
            lines.contains("postroom device password --user mfp7 --output /etc/postroom/mfp7.pass"),
            "{lines}"
        );
    }

    #[test]
    fn a_stranger_with_a_users_name_and_a_wrong_password_gets_no_second_user() {
        let login = LoginSighting {
            at: Timestamp::ZERO,
            user: Some("mfp1".into()),
            outcome: LoginOutcome::Wrong,
        };
        let lines = proposed(&stranger(|seen| seen.login = Some(login)), &[]);
        assert!(
            lines.contains("it has the wrong password") && !lines.contains("[[user]]"),
            "{lines}"
        );
    }

    fn refused(kind: RefusalKind, about: Option<&str>) -> String {
        let device = DeviceSettings {
            senders: vec!["*@contoso.com".parse().unwrap()],
            ..fixture::device("printers", &[])
        };
        let about = about.map(|address| address.parse().unwrap());
        let refusal = RefusalSighting {
            at: Timestamp::ZERO,
            kind,
            about,
            reply: Reply::fixed(550, EnhancedCode(5, 7, 1), "no"),
        };
        on_refusal(&refusal, Some(&device)).unwrap()
    }

    #[test]
    fn each_refusal_names_the_line_that_would_end_it() {
        let sender = refused(RefusalKind::Sender, Some("Scan@fabrikam.com"));
        assert!(
            sender.contains(
                "in [[device]] \"printers\" write senders = [\"*@contoso.com\", \
            \"scan@fabrikam.com\"]"
            ),
            "{sender}"
        );
        let recipient = refused(RefusalKind::Recipient, Some("\"a b\"@fabrikam.com"));
        assert!(recipient.contains(r#"recipients = ["*", '"a b"@fabrikam.com']"#), "{recipient}");
        assert!(refused(RefusalKind::LoginRequired, None).contains("auth = \"optional\""));
        assert!(refused(RefusalKind::Size, None).contains("max_message (now 35MB)"));
        assert!(refused(RefusalKind::Connections, None).contains("connections = 40"));
        assert!(refused(RefusalKind::Rate, None).contains("messages_per_minute"));
        let old =
            on_handshake(Some(TlsVersion::Tls10), "", Some(&fixture::device("printers", &[])))
                .unwrap();
        assert!(old.contains("oldest_tls = \"tls1.0\""), "{old}");
    }

    #[test]
    fn a_device_that_does_not_trust_us_is_told_apart_from_an_old_one() {
        assert!(
            on_handshake(None, "received fatal alert: UnknownCA", None)
                .unwrap()
                .contains("server.pem")
        );
        assert_eq!(on_handshake(None, "connection reset", None), None);
    }
}
