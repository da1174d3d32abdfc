//! Creates a scan to send: a PDF in which each page is an image of paper. Its grain makes the image
//! incompressible.
//!
//! The PDF is written without a library, because a test document needs only four kinds of object
//! (ISO 32000-1 7.3, 7.5).

use rand::{Rng, rngs::StdRng};

/// The width of a page in pixels: A4 at 120 dots per inch, 1.4 MB in grey.
const WIDTH: usize = 992;
/// The height of a page in pixels.
const HEIGHT: usize = 1403;
/// A4 in points (72 per inch).
const PAGE: &str = "0 0 595 842";

/// Creates a document with the given number of pages.
pub(super) fn scan(pages: usize, rng: &mut StdRng) -> Vec<u8> {
    let mut document = Document::default();
    // Object numbers are assigned in advance: 1 catalog, 2 page tree, 3 font, then three for each
    // page.
    let page_number = |index: usize| 4 + 3 * index;
    let kids: Vec<String> = (0..pages).map(|index| format!("{} 0 R", page_number(index))).collect();
    document.object("<< /Type /Catalog /Pages 2 0 R >>");
    document.object(&format!("<< /Type /Pages /Kids [{}] /Count {pages} >>", kids.join(" ")));
    document.object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
    for index in 0..pages {
        let (content, image) = (page_number(index) + 1, page_number(index) + 2);
        let resources = format!("<< /Font << /F1 3 0 R >> /XObject << /Scan {image} 0 R >> >>");
        document.object(&format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [{PAGE}] /Resources {resources} /Contents \
            {content} 0 R >>"
        ));
        let title = format!("Postroom demonstration, page {} of {pages}", index + 1);
        // The image fills the page; the title stands on it, 60 points below the upper edge.
        let drawing =
            format!("q 595 0 0 842 0 0 cm /Scan Do Q BT /F1 18 Tf 60 782 Td ({title}) Tj ET");
        document.stream("", drawing.as_bytes());
        let form = format!(
            "/Type /XObject /Subtype /Image /Width {WIDTH} /Height {HEIGHT} /ColorSpace \
            /DeviceGray /BitsPerComponent 8 "
        );
        document.stream(&form, &paper(rng));
    }
    document.finish()
}

/// The grey values of a page: grainy paper, and lines that look like print from a distance.
fn paper(rng: &mut StdRng) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(WIDTH * HEIGHT);
    for row in 0..HEIGHT {
        let is_line = row > 160 && row < HEIGHT - 120 && row % 28 < 12;
        let mut ink = false;
        let mut length = 0;
        for column in 0..WIDTH {
            if length == 0 {
                ink = rng.random_ratio(2, 3);
                length = rng.random_range(3..9);
            }
            length -= 1;
            let printed = is_line && ink && (100..WIDTH - 100).contains(&column);
            pixels.push(if printed {
                rng.random_range(30..90)
            } else {
                rng.random_range(225..=255)
            });
        }
    }
    pixels
}

/// Objects in the order of their numbers, and where each begins.
struct Document {
    bytes: Vec<u8>,
    offsets: Vec<usize>,
}

impl Default for Document {
    fn default() -> Self {
        // ISO 32000-1 7.5.2: a comment of octets above 127 tells transport programs that this is no
        // text.
        Self { bytes: b"%PDF-1.4\n%\xE2\xE3\xCF\xD3\n".to_vec(), offsets: Vec::new() }
    }
}

impl Document {
    fn begin(&mut self) {
        self.offsets.push(self.bytes.len());
        self.bytes.extend_from_slice(format!("{} 0 obj\n", self.offsets.len()).as_bytes());
    }

    fn object(&mut self, body: &str) {
        self.begin();
        self.bytes.extend_from_slice(body.as_bytes());
        self.bytes.extend_from_slice(b"\nendobj\n");
    }

    fn stream(&mut self, entries: &str, content: &[u8]) {
        self.begin();
        self.bytes.extend_from_slice(
            format!("<< {entries}/Length {} >>\nstream\n", content.len()).as_bytes(),
        );
        self.bytes.extend_from_slice(content);
        self.bytes.extend_from_slice(b"\nendstream\nendobj\n");
    }

    /// ISO 32000-1 7.5.4: the cross-reference table has 20 octets for each object, the free one
    /// first.
    fn finish(mut self) -> Vec<u8> {
        let start = self.bytes.len();
        let size = self.offsets.len() + 1;
        let mut table = format!("xref\n0 {size}\n0000000000 65535 f \n");
        for offset in &self.offsets {
            table.push_str(&format!("{offset:010} 00000 n \n"));
        }
        self.bytes.extend_from_slice(table.as_bytes());
        self.bytes.extend_from_slice(
            format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n")
                .as_bytes(),
        );
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn every_cross_reference_points_at_its_object() {
        let pdf = scan(2, &mut StdRng::seed_from_u64(1));
        assert!(pdf.len() > 2 * WIDTH * HEIGHT);
        let tail = String::from_utf8_lossy(&pdf[pdf.len() - 600..]).into_owned();
        let start: usize =
            tail.split("startxref\n").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        let table = String::from_utf8_lossy(&pdf[start..]).into_owned();
        let offsets: Vec<usize> = table
            .lines()
            .filter(|line| line.ends_with(" n "))
            .map(|line| line[..10].parse().unwrap())
            .collect();
        assert_eq!(offsets.len(), 3 + 2 * 3);
        for (index, offset) in offsets.into_iter().enumerate() {
            assert!(
                pdf[offset..].starts_with(format!("{} 0 obj\n", index + 1).as_bytes()),
                "object {}",
                index + 1
            );
        }
    }
}
