//! The complete commented config, made from the declarations in `schema`.

use std::fmt::Write as _;

use super::schema::{
    ROOT, Section, Shown,
    device::{DEFAULTS, DEFAULTS_DEVICE},
};

const HEAD: &str = "# Every key of the config. Values are the defaults; a key without a default \
has an example.
# Printed by `postroom reference`. A short working file is postroom.toml.
#
# Each \
key can be overridden by a variable: POSTROOM_ADMIN__ADDRESS is admin.address, \
POSTROOM_ACCOUNT__0__ADDRESS is
# address of the first [[account]]. A variable separates the \
entries of a list by commas.
# Durations: \"90s\", \"30m\", \"2h\", \"5d\". Sizes: \"35MB\", \
\"512KB\" (1 MB is 1,048,576 octets).
";

/// The maximum width of a comment line.
const WIDTH: usize = 110;

/// The complete commented reference: a config that loads.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    write_section(&mut text, &ROOT);
    text
}

/// The keys of a table, then the tables inside it.
fn write_section(into: &mut String, section: &Section) {
    into.push('\n');
    comment(into, section.about);
    if !section.header.is_empty() {
        into.push_str(section.header);
        into.push('\n');
    }
    for key in section.keys {
        let (mark, value) = match key.shown() {
            Shown::On(value) => ("", value),
            Shown::Off(value) => ("# ", value),
            // Its keys are those of [[device]], which follows.
            Shown::Table(inner) if std::ptr::eq(inner, &DEFAULTS) => {
                into.push('\n');
                comment(into, DEFAULTS_DEVICE.about);
                into.push_str("# [defaults.device]\n");
                continue;
            }
            Shown::Table(inner) => {
                write_section(into, inner);
                continue;
            }
        };
        comment(into, key.about());
        // Writing to a String cannot fail.
        writeln!(into, "{mark}{} = {value}", key.name()).unwrap_or_default();
    }
}

/// Wraps at blanks. An empty line of a doc comment begins a new line.
fn comment(into: &mut String, about: &[&str]) {
    let lines: Vec<&str> = about.iter().map(|line| line.trim()).collect();
    for paragraph in lines.split(|line| line.is_empty()).filter(|lines| !lines.is_empty()) {
        let mut line = "#".to_owned();
        for word in paragraph.iter().flat_map(|line| line.split(' ')) {
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
