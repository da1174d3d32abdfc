//! The keys of the config, each documented where it is read, and the reference text made of them.
//!
//! What is documented here is what exists: [`super::table::Table`] refuses every other key, and a
//! test holds that the readers ask for all of these and for nothing else.

use std::fmt::Write as _;

use super::{
    account, admin, device, dns, footer, general, listener, report, retry, spool, tls, user,
};

/// One key of a table.
pub(super) struct Key {
    /// As written.
    pub(super) name: &'static str,
    /// What the reference shows.
    pub(super) shown: Shown,
    /// What it means, for the administrator; lines are separated by `\n`.
    pub(super) about: &'static str,
}

/// How the reference shows a key.
pub(super) enum Shown {
    /// `key = value`: the default, or an example where a value has to be given.
    As(&'static str),
    /// `# key = value`: not needed as a rule.
    Off(&'static str),
    /// As a table of its own, further down.
    Below,
}

/// A table of the config.
struct Section {
    /// `[retry]`; empty for the keys before the first table.
    header: &'static str,
    about: &'static str,
    keys: &'static [Key],
}

const SECTIONS: &[Section] = &[
    Section { header: "", about: "", keys: general::KEYS },
    Section {
        header: "[[listener]]",
        about: "Where devices connect. May stand several times.",
        keys: listener::KEYS,
    },
    Section {
        header: "[receiving]",
        about: "Bounds on what all clients together can make the daemon hold. May be absent.",
        keys: listener::RECEIVING_KEYS,
    },
    Section {
        header: "[tls]",
        about: "The certificate shown to devices. When absent, a self-signed RSA certificate is \
            made in data_dir/tls at the first start.",
        keys: tls::KEYS,
    },
    Section {
        header: "[[device]]",
        about: "Who may hand in mail, and what. May stand several times. A client is known by the \
            most specific network, or by the user it logs in as.",
        keys: device::KEYS,
    },
    Section {
        header: "[device.from]",
        about: "Who the device's mail is from, whatever the device says. May be absent.",
        keys: device::FROM_KEYS,
    },
    Section {
        header: "[[user]]",
        about: "A login for devices. May stand several times, or not at all.",
        keys: user::KEYS,
    },
    Section {
        header: "[[account]]",
        about: "One way out. May stand several times; the first carries all mail that no device \
            sends elsewhere.",
        keys: account::KEYS,
    },
    Section {
        header: "[account.auth]",
        about: "How to log in there. Required for route = \"submission\".",
        keys: account::AUTH_KEYS,
    },
    Section {
        header: "[account.limits]",
        about: "What the account may send. The defaults are those of the preset (here: office365); \
            \"none\" lifts a limit.",
        keys: account::LIMIT_KEYS,
    },
    Section {
        header: "[account.batch]",
        about: "How messages share connections. May be absent.",
        keys: account::BATCH_KEYS,
    },
    Section {
        header: "[account.sender]",
        about: "What the account may send as. May be absent.",
        keys: account::SENDER_KEYS,
    },
    Section {
        header: "[account.footer]",
        about: "A text at the end of each message; never in what is signed or encrypted. May be \
            absent: then there is none. See docs/sender.md.",
        keys: footer::KEYS,
    },
    Section { header: "[dns]", about: "For route = \"direct\". May be absent.", keys: dns::KEYS },
    Section {
        header: "[retry]",
        about: "When a message that could not be delivered is tried again. May be absent.",
        keys: retry::KEYS,
    },
    Section { header: "[report]", about: "Who is told about trouble.", keys: report::KEYS },
    Section { header: "[spool]", about: "The disk. May be absent.", keys: spool::KEYS },
    Section {
        header: "[admin]",
        about: "Health and metrics over HTTP. Commands use data_dir/admin.sock instead. May be \
            absent.",
        keys: admin::KEYS,
    },
    Section {
        header: "[metrics]",
        about: "A second address for /metrics alone, for a Prometheus on another machine. When \
            absent, metrics are on the admin address only.",
        keys: admin::METRICS_KEYS,
    },
];

const HEAD: &str = "\
# Every key of the config. Values are the defaults; where one has to be given, an example stands.
# Printed by `postroom reference`. A short working file is postroom.toml.
#
# Each key can be overridden by a variable: POSTROOM_ADMIN__ADDRESS is admin.address, POSTROOM_ACCOUNT__0__ADDRESS is
# address of the first [[account]]. A variable separates the entries of a list by commas.
# Time spans: \"90s\", \"30m\", \"2h\", \"5d\". Sizes: \"35MB\", \"512KB\" (1 MB is 1,048,576 octets).
";

/// Widest comment line.
const WIDTH: usize = 110;

/// The complete commented reference: a config that loads.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    for section in SECTIONS {
        text.push('\n');
        comment(&mut text, section.about);
        if !section.header.is_empty() {
            text.push_str(section.header);
            text.push('\n');
        }
        for key in section.keys {
            let (mark, value) = match key.shown {
                Shown::As(value) => ("", value),
                Shown::Off(value) => ("# ", value),
                Shown::Below => continue,
            };
            comment(&mut text, key.about);
            // Writing to a String cannot fail.
            writeln!(text, "{mark}{} = {value}", key.name).unwrap_or_default();
        }
    }
    text
}

/// Wraps at blanks; line ends of the text stay.
fn comment(into: &mut String, text: &str) {
    for paragraph in text.lines() {
        let mut line = "#".to_owned();
        for word in paragraph.split(' ') {
            if line.len() + 1 + word.len() > WIDTH {
                into.push_str(&line);
                into.push('\n');
                line = "#".to_owned();
            }
            line.push(' ');
            line.push_str(word);
        }
        into.push_str(&line);
        into.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;
    use crate::config::{source::Source, table::Reader, tests::EveryFile};

    #[test]
    fn the_reader_asks_for_every_documented_key_and_for_no_other() {
        let source = Source::merge(Path::new("reference.toml"), &reference(), &[]).unwrap();
        let reader = Reader::new(&source, &EveryFile);
        crate::config::read(&reader);
        let table = |section: &Section| section.header.trim_matches(['[', ']']).to_owned();
        let documented: BTreeSet<_> = SECTIONS
            .iter()
            .flat_map(|s| s.keys.iter().map(move |key| (table(s), key.name)))
            .collect();
        assert_eq!(reader.asked(), documented);
    }

    #[test]
    fn every_key_that_is_switched_off_in_the_reference_can_be_switched_on() {
        let text = reference();
        // A login has one secret, of one kind; a certificate and its key stand together.
        let exclusive = [
            "certificate",
            "key",
            "token_file",
            "tenant",
            "client_id",
            "text",
            "text_file",
            "html_file",
            "image",
            "client_secret_file",
            "client_secret_expires",
            "client_certificate",
            "client_key",
            "token_url",
            "device_url",
            "scope",
        ];
        for line in text.lines().filter(|line| line.starts_with("# ") && line.contains(" = ")) {
            let known = SECTIONS
                .iter()
                .flat_map(|s| s.keys)
                .any(|key| line.starts_with(&format!("# {} = ", key.name)));
            if !known || exclusive.iter().any(|name| line.starts_with(&format!("# {name} = "))) {
                continue;
            }
            let on = text.replace(line, line.trim_start_matches("# "));
            let source = Source::merge(Path::new("reference.toml"), &on, &[]).unwrap();
            let reader = Reader::new(&source, &EveryFile);
            crate::config::read(&reader);
            assert!(!reader.has_errors(), "{line}: {:#?}", reader.into_problems());
        }
    }
}
