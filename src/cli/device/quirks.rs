//! Explains a quirk with the text of `docs/quirks.md`, which is the only explanation of quirks.

use crate::smtp::Quirk;

const PAGE: &str = include_str!("../../../docs/quirks.md");

/// The page's row about a quirk: what the device does, what Postroom does, and further remarks.
pub(super) fn explain(quirk: Quirk) -> String {
    let head = format!("| `{}` |", quirk.name());
    let row = PAGE.lines().find_map(|line| line.strip_prefix(head.as_str())).unwrap_or_default();
    let mut cells = row.split('|').map(str::trim).filter(|cell| !cell.is_empty());
    let (device, postroom) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
    let mut sentence = format!("the device {device}; Postroom {postroom}");
    for more in cells {
        sentence.push_str(&format!(". {more}"));
    }
    sentence.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quirk_is_explained() {
        for quirk in Quirk::ALL {
            let sentence = explain(quirk);
            assert!(sentence.len() > 40 && !sentence.contains("device ;"), "{quirk:?}: {sentence}");
        }
    }
}
