//! `[account.footer]`: the text at the end of each message.

use std::path::Path;

use crate::config::{
    schema::{
        Named,
        account::{FOOTER_HTML_FILE, FOOTER_IMAGE, FOOTER_TEXT, FOOTER_TEXT_FILE},
        nearest,
    },
    table::Table,
};
use crate::queue::{FooterImage, FooterTemplate, PLACEHOLDERS};

/// The maximum size of a footer in octets. A footer is shorter than a page.
const LARGEST_TEXT: usize = 16 * 1024;
/// The maximum number of characters of a signature on a usual printer.
const USUAL_TEXT: usize = 1024;
/// The maximum size of the image in octets: it is sent with every message.
const LARGEST_IMAGE: u64 = 256 * 1024;

pub(super) fn read(table: &Table<'_>) -> Option<FooterTemplate> {
    let (written, file) = (table.get(&FOOTER_TEXT), table.get(&FOOTER_TEXT_FILE));
    let (html, image) = (table.get(&FOOTER_HTML_FILE), table.get(&FOOTER_IMAGE));
    let (text_key, file_key): (&dyn Named, &dyn Named) = (&FOOTER_TEXT, &FOOTER_TEXT_FILE);
    let text = match (written, file) {
        (Some(_), Some(_)) => {
            table.error(&FOOTER_TEXT_FILE, "cannot be combined with text; write only one of them");
            None
        }
        (Some(text), None) => Some((text_key, text)),
        (None, Some(file)) => contents(table, file_key, &file).map(|text| (file_key, text)),
        (None, None) => {
            if html.is_some() || image.is_some() {
                table.error(
                    &FOOTER_TEXT,
                    "is missing: readers without HTML see nothing else; write text or text_file",
                );
            }
            None
        }
    };
    let html = html.map(|file| contents(table, &FOOTER_HTML_FILE, &file));
    let image = image.map(|file| picture(table, &file));
    let (key, text) = text?;
    if text.chars().count() > USUAL_TEXT {
        table.warning(
            key,
            format!("has more than {USUAL_TEXT} characters, and every message carries it"),
        );
    }
    // Each is checked, even if another is wrong.
    let text_is_good = understood(table, key, &text, None);
    let html_is_good = html
        .as_ref()
        .and_then(Option::as_ref)
        .map_or(Some(()), |html| understood(table, &FOOTER_HTML_FILE, "", Some(html)));
    let (html, image) = (
        html.map_or(Some(None), |html| html.map(Some))?,
        image.map_or(Some(None), |image| image.map(Some))?,
    );
    text_is_good.and(html_is_good)?;
    FooterTemplate::new(&text, html.as_deref(), image).ok()
}

/// Notes a placeholder that does not exist.
fn understood(table: &Table<'_>, key: &dyn Named, text: &str, html: Option<&str>) -> Option<()> {
    let Err(unknown) = FooterTemplate::new(text, html, None) else {
        return Some(());
    };
    let known = || PLACEHOLDERS.iter().map(|(name, _)| *name);
    let advice = match nearest(&unknown.0, known()) {
        Some(nearest) => format!("did you mean {{{nearest}}}?"),
        None => {
            let known: Vec<String> = known().map(|name| format!("{{{name}}}")).collect();
            format!("the known ones are {}", known.join(", "))
        }
    };
    table.error(key, format!("{unknown}; {advice}"));
    None
}

fn contents(table: &Table<'_>, key: &dyn Named, file: &Path) -> Option<String> {
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
            table.error(&FOOTER_IMAGE, format!("{} cannot be read: {error}", file.display()));
            return None;
        }
    };
    let content_type = match octets.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        _ => {
            table.error(&FOOTER_IMAGE, format!("{} is not a PNG, JPEG or GIF", file.display()));
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
