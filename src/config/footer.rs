//! `[account.footer]`: what stands at the end of each message.

use std::path::Path;

use super::{
    reference::{Key, Shown},
    table::Table,
};
use crate::queue::{FooterImage, FooterTemplate, PLACEHOLDERS};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "text",
        shown: Shown::Off("\"Scanned by {device} on {date}\""),
        about: "For the plain text. Placeholders: {device}, {sender}, {account}, {date}, {time}, \
            {hostname}, {id}. Printers allow 1,024 characters as a rule, and readers more do not \
            welcome.",
    },
    Key {
        name: "text_file",
        shown: Shown::Off("\"/etc/postroom/footer.txt\""),
        about: "The same from a file (UTF-8). Read at the start.",
    },
    Key {
        name: "html_file",
        shown: Shown::Off("\"/etc/postroom/footer.html\""),
        about: "For the HTML text: a piece of HTML without <html> and <body>. When absent, made \
            from the plain one. {image} is the image's address.",
    },
    Key {
        name: "image",
        shown: Shown::Off("\"/etc/postroom/logo.png\""),
        about: "An image below the HTML text: PNG, JPEG or GIF, up to 256 KB.",
    },
];

/// Octets of a footer. More than a page is no footer.
const LARGEST_TEXT: usize = 16 * 1024;
/// Characters of a signature on a usual printer.
const USUAL_TEXT: usize = 1024;
/// Octets of the image: it goes out with every message.
const LARGEST_IMAGE: u64 = 256 * 1024;

pub(super) fn read(table: &Table<'_>) -> Option<FooterTemplate> {
    let (written, file) = (table.text("text"), table.path("text_file"));
    let (html, image) = (table.path("html_file"), table.path("image"));
    let text = match (written, file) {
        (Some(_), Some(_)) => {
            table.error("text_file", "stands beside text; write one of them");
            None
        }
        (Some(text), None) => Some(("text", text)),
        (None, Some(file)) => contents(table, "text_file", &file).map(|text| ("text_file", text)),
        (None, None) => {
            if html.is_some() || image.is_some() {
                table.error(
                    "text",
                    "is missing: readers without HTML see nothing else; write text or text_file",
                );
            }
            None
        }
    };
    let html = html.map(|file| contents(table, "html_file", &file));
    let image = image.map(|file| picture(table, &file));
    let (key, text) = text?;
    if text.chars().count() > USUAL_TEXT {
        table.warning(
            key,
            format!("has more than {USUAL_TEXT} characters, and goes out with every message"),
        );
    }
    // Each is looked at, whatever is wrong with another.
    let text_is_good = understood(table, key, &text, None);
    let html_is_good = html
        .as_ref()
        .and_then(Option::as_ref)
        .map_or(Some(()), |html| understood(table, "html_file", "", Some(html)));
    let (html, image) = (
        html.map_or(Some(None), |html| html.map(Some))?,
        image.map_or(Some(None), |image| image.map(Some))?,
    );
    text_is_good.and(html_is_good)?;
    FooterTemplate::new(&text, html.as_deref(), image).ok()
}

/// Notes a placeholder that does not exist.
fn understood(table: &Table<'_>, key: &str, text: &str, html: Option<&str>) -> Option<()> {
    let Err(unknown) = FooterTemplate::new(text, html, None) else {
        return Some(());
    };
    let nearest = PLACEHOLDERS
        .iter()
        .map(|(name, _)| (strsim::damerau_levenshtein(name, &unknown.0), *name))
        .min();
    let advice = match nearest {
        Some((distance, nearest)) if distance <= 1 + nearest.len() / 3 => {
            format!("do you mean {{{nearest}}}?")
        }
        Some(_) | None => {
            format!(
                "known are {}",
                PLACEHOLDERS
                    .iter()
                    .map(|(name, _)| format!("{{{name}}}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
    };
    table.error(key, format!("{unknown}; {advice}"));
    None
}

fn contents(table: &Table<'_>, key: &'static str, file: &Path) -> Option<String> {
    match table.reader.files.read(file) {
        Ok(found) if found.text.expose().len() <= LARGEST_TEXT => {
            Some(found.text.expose().to_owned())
        }
        Ok(_) => {
            table.error(
                key,
                format!(
                    "{} has more than {LARGEST_TEXT} octets; every message would carry them",
                    file.display()
                ),
            );
            None
        }
        Err(error) => {
            table.error(key, format!("{} cannot be read: {error}", file.display()));
            None
        }
    }
}

fn picture(table: &Table<'_>, file: &Path) -> Option<FooterImage> {
    let octets = match table.reader.files.octets(file, LARGEST_IMAGE) {
        Ok(octets) => octets,
        Err(error) => {
            table.error("image", format!("{} cannot be read: {error}", file.display()));
            return None;
        }
    };
    let content_type = match octets.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        _ => {
            table.error("image", format!("{} is no PNG, JPEG or GIF", file.display()));
            return None;
        }
    };
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' })
        .collect();
    Some(FooterImage { content_type, name, octets })
}
